/**
 * What a replay saw, while it runs (events) and at its end (report).
 */
import type { Track } from "../../transcript/event.ts";
import type { CarrierErrorCode } from "./carrier-error.ts";
import type { StreamEnd } from "./media-stream.ts";

export interface StreamReport {
  streamSid: string;
  mode: "start" | "connect";
  /** The URL as the TwiML had it, without its query. */
  url: string;
  tracks: readonly Track[];
  /** When the start message was sent, epoch ms. Audio at timestamp T of a recording played at speed 1 is sent at
   * `startedAt` + T + 20. */
  startedAt: number;
  /** Media messages sent. */
  packets: number;
  end: StreamEnd | null;
}

export interface ReplayReport {
  callSid: string;
  /** How the first stream was asked for; null when none was. */
  mode: "start" | "connect" | null;
  /** TwiML verbs in the order they were run. */
  verbs: string[];
  streams: StreamReport[];
  /** Media messages sent on all streams. */
  packets: number;
  /** What the carrier's debugger would show. */
  errors: { code: CarrierErrorCode; message: string }[];
  /** When the first media message was sent, epoch ms; null when none was. */
  mediaStartedAt: number | null;
  /** When the call had ended and its status callback was answered, epoch ms. */
  endedAt: number;
  aborted: boolean;
}

export type ReplayEvent =
  | { type: "verb"; verb: string }
  | { type: "stream.started"; streamSid: string; mode: "start" | "connect"; tracks: readonly Track[] }
  | { type: "media.started"; at: number }
  /** At most one for each second of the recording. */
  | { type: "progress"; positionMs: number; endMs: number }
  | { type: "stream.ended"; streamSid: string; end: StreamEnd }
  | { type: "error"; code: CarrierErrorCode; message: string };

export class ReplayLog {
  readonly #callSid: string;
  readonly #onEvent: (event: ReplayEvent) => void;
  readonly #verbs: string[] = [];
  readonly #streams: StreamReport[] = [];
  readonly #errors: ReplayReport["errors"] = [];
  #mediaStartedAt: number | null = null;
  #progressMs = -Infinity;

  constructor(callSid: string, onEvent: (event: ReplayEvent) => void = () => {}) {
    this.#callSid = callSid;
    this.#onEvent = onEvent;
  }

  verb(verb: string): void {
    this.#verbs.push(verb);
    this.#onEvent({ type: "verb", verb });
  }

  /** Takes a stream in; its `packets` and `end` are kept up by the player. */
  stream(stream: StreamReport): void {
    this.#streams.push(stream);
    const { streamSid, mode, tracks } = stream;
    this.#onEvent({ type: "stream.started", streamSid, mode, tracks });
  }

  packet(stream: StreamReport): void {
    stream.packets += 1;
    if (this.#mediaStartedAt !== null) return;
    this.#mediaStartedAt = Date.now();
    this.#onEvent({ type: "media.started", at: this.#mediaStartedAt });
  }

  progress(positionMs: number, endMs: number): void {
    if (positionMs < this.#progressMs + 1000 && positionMs < endMs) return;
    this.#progressMs = positionMs;
    this.#onEvent({ type: "progress", positionMs, endMs });
  }

  streamEnded(stream: StreamReport, end: StreamEnd): void {
    stream.end = end;
    this.#onEvent({ type: "stream.ended", streamSid: stream.streamSid, end });
  }

  error(code: CarrierErrorCode, message: string): void {
    this.#errors.push({ code, message });
    this.#onEvent({ type: "error", code, message });
  }

  report(aborted: boolean): ReplayReport {
    return {
      callSid: this.#callSid,
      mode: this.#streams[0]?.mode ?? null,
      verbs: this.#verbs,
      streams: this.#streams,
      packets: this.#streams.reduce((sum, { packets }) => sum + packets, 0),
      errors: this.#errors,
      mediaStartedAt: this.#mediaStartedAt,
      endedAt: Date.now(),
      aborted,
    };
  }
}
