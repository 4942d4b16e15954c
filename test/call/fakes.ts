/**
 * Small ports for a call: a detector that hears loudness, a recogniser that answers when told to, and sound for both.
 */
import { encodeMulaw } from "../../src/audio/g711.ts";
import { LinescribeError } from "../../src/base/error.ts";
import type {
  Detector,
  RecognisedText,
  RecognitionJob,
  RecognitionRequest,
  TextRecogniser,
} from "../../src/call/ports.ts";
import type { VadStream } from "../../src/vad/stream.ts";

export const PACKET_MS = 20;
const BYTES_PER_MS = 8;

/** A piece of time, ms. */
export interface Interval {
  startMs: number;
  endMs: number;
}

/** mu-law with a tone where `speech` says and silence elsewhere. */
export function soundOf(lengthMs: number, speech: readonly Interval[]): Uint8Array {
  const s16 = new Int16Array(lengthMs * BYTES_PER_MS);
  for (const { startMs, endMs } of speech) {
    for (let at = startMs * BYTES_PER_MS; at < endMs * BYTES_PER_MS; at++) {
      s16[at] = Math.round(12_000 * Math.sin((2 * Math.PI * 440 * at) / 8000));
    }
  }
  return encodeMulaw(s16);
}

export interface Packet {
  timestampMs: number;
  mulaw: Uint8Array;
}

/** Packets of the given lengths in ms, the last one repeated to the end. */
export function packetsOf(
  mulaw: Uint8Array,
  lengthsMs: readonly number[] = [PACKET_MS],
  fromMs = 0,
): Packet[] {
  const packets: Packet[] = [];
  for (let at = 0; at < mulaw.length; ) {
    const lengthMs = lengthsMs[Math.min(packets.length, lengthsMs.length - 1)] as number;
    const end = at + lengthMs * BYTES_PER_MS;
    packets.push({ timestampMs: fromMs + at / BYTES_PER_MS, mulaw: mulaw.subarray(at, end) });
    at = end;
  }
  return packets;
}

/** Answers every frame at once by its loudness, until it is told to fail. */
export class LoudnessDetector implements Detector {
  frames = 0;
  opened = 0;
  closed = false;
  /** While set, frames wait and are answered by `release`. */
  holding = false;
  /** The probability of a loud frame. */
  belief = 0.95;
  readonly #streams = new Set<{ fail: (error: LinescribeError) => void; answer: () => void }>();

  open(
    onProbabilities: (probabilities: Float32Array) => void,
    onFailure: (error: LinescribeError) => void,
  ): VadStream {
    if (this.closed) throw new LinescribeError("VAD_CLOSED", "The speech detector is closed");
    this.opened += 1;
    const queue: Float32Array[] = [];
    const waiting: (() => void)[] = [];
    let open = true;
    const answer = (): void => {
      for (const frame of queue.splice(0)) {
        const power = frame.reduce((sum, sample) => sum + sample * sample, 0) / frame.length;
        onProbabilities(Float32Array.of(power > 1e-3 ? this.belief : 0.01));
      }
      for (const resolve of waiting.splice(0)) resolve();
    };
    const stream = {
      answer,
      fail: (error: LinescribeError): void => {
        open = false;
        queue.length = 0;
        this.#streams.delete(stream);
        onFailure(error);
        for (const resolve of waiting.splice(0)) resolve();
      },
    };
    this.#streams.add(stream);
    return {
      push: (frames) => {
        if (!open) return;
        this.frames += frames.length;
        queue.push(...frames);
        if (!this.holding) answer();
      },
      end: () => (queue.length === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
      close: () => {
        open = false;
        this.#streams.delete(stream);
      },
      get pendingFrames() {
        return queue.length;
      },
    };
  }

  release(): void {
    this.holding = false;
    for (const { answer } of this.#streams) answer();
  }

  /** Fails every open stream. */
  fail(code: "VAD_WORKER_LOST" | "VAD_OVERLOADED" = "VAD_WORKER_LOST"): void {
    for (const { fail } of [...this.#streams]) fail(new LinescribeError(code, "as the test wants"));
  }
}

/**
 * Answers at once with how many ms it was given, or holds answers for the test to settle one by one. What is dropped was
 * never asked.
 */
export class ScriptedRecogniser implements TextRecogniser {
  holding = false;
  partialIntervalMs: number | null = 300;
  /** Endless: every pause is speculated on at once. */
  headStart = Infinity;
  asked: {
    pcm16k: Float32Array;
    language: string;
    priority: RecognitionRequest["priority"];
    resolve: (text?: Partial<RecognisedText>) => void;
    reject: (error: Error) => void;
    refuse: () => void;
  }[] = [];

  headStartMs(): number {
    return this.headStart;
  }

  submit({ pcm16k, language, priority }: RecognitionRequest): RecognitionJob {
    let resolve: (text: RecognisedText | null) => void = () => {};
    let reject: (error: Error) => void = () => {};
    const promise = new Promise<RecognisedText | null>((...settlers) => {
      [resolve, reject] = settlers;
    });
    const answer = (text: Partial<RecognisedText> = {}): void =>
      resolve({ text: `${pcm16k.length / 16} ms`, logprob: -0.1, noSpeech: 0, language, words: [], ...text });
    const asked = { pcm16k, language, priority, resolve: answer, reject, refuse: () => resolve(null) };
    this.asked.push(asked);
    if (!this.holding) answer();
    return {
      answer: promise,
      promote: () => {
        asked.priority = "final";
      },
      drop: () => {
        this.asked = this.asked.filter((other) => other !== asked);
        resolve(null);
      },
    };
  }
}
