/**
 * Recognition workers without a thread and without a model, whose device fails as it is told to.
 */
import { EventEmitter } from "node:events";
import type { Worker } from "node:worker_threads";
import { type BatchRules, widthOf } from "../../src/asr/batch-rules.ts";
import { NO_DRAFT } from "../../src/asr/draft.ts";
import type { Engine } from "../../src/asr/portions.ts";
import { type Exercised, warmUp } from "../../src/asr/warm-up.ts";
import type { Recognition, UtteranceAudio } from "../../src/asr/whisper.ts";
import {
  answerBatches,
  type BatchPort,
  type BatchRequest,
  type WorkerAnswer,
} from "../../src/asr/whisper-desk.ts";
import type { WhisperWorkerData } from "../../src/asr/whisper-worker.ts";
import { windowSamples } from "../../src/asr/window.ts";
import { LinescribeError, messageOf } from "../../src/base/error.ts";

/** As ONNX Runtime says it. */
export const OUT_OF_MEMORY =
  "Non-zero status code returned while running MatMul node. Name:'/encoder/MatMul_7' Status Message: " +
  "bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) " +
  "Failed to allocate memory for requested buffer of size 939524096";
export const CARD_LOST =
  "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=host ; " +
  "file=/onnxruntime_src/onnxruntime/core/providers/cuda/gpu_data_transfer.cc ; line=63 ; expr=cudaMemcpyAsync(dst, src)";

/** What a device is like: the same object for all workers on it, so that a test can change it under them. */
export class FakeDevice {
  /** Samples of one inference, padding included, that it has memory for. */
  memorySamples = Infinity;
  /** Whether sessions can be created. */
  loads = true;
  /** Thrown by the inference that this says it of. */
  fault: (utterances: readonly UtteranceAudio[]) => string | null = () => null;
  #hanging: Promise<void> | null = null;
  /** Rows of each inference that succeeded. */
  readonly batches: number[] = [];
  readonly workers: FakeWorker[] = [];
  #loaded = 0;
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  readonly #name: string;

  /** @param name - What its texts begin with. */
  constructor(name = "") {
    this.#name = name;
  }

  /** Answers nothing from now on, until what this returns is called. */
  hang(): () => void {
    let release = () => {};
    this.#hanging = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  /** Resolves when as many sessions were created in all. */
  up(count: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#loaded >= count) resolve();
      else this.#waiting.push({ count, resolve });
    });
  }

  /** For `RecogniserOptions.spawn`. */
  spawn(data: WhisperWorkerData): Worker {
    const worker = new FakeWorker();
    this.workers.push(worker);
    setImmediate(() => void this.#serve(worker, data));
    return worker as unknown as Worker;
  }

  async #serve(worker: FakeWorker, { rules, warmUpBeam }: WhisperWorkerData): Promise<void> {
    if (!this.loads) {
      worker.port.postMessage({ type: "failed", code: null, message: CARD_LOST });
      return;
    }
    const engine = this.engine(rules);
    try {
      const budget = warmUpBeam === null ? rules.paddedSamples : await warmUp(engine, rules, warmUpBeam);
      answerBatches(worker.port, engine, rules, budget);
      this.#loaded += 1;
      setImmediate(() => {
        for (const { count, resolve } of this.#waiting) if (this.#loaded >= count) resolve();
      });
    } catch (error) {
      const code = error instanceof LinescribeError ? error.code : null;
      worker.port.postMessage({ type: "failed", code, message: messageOf(error) });
    }
  }

  /** Hears how many samples an utterance has. */
  engine(rules: BatchRules): Engine & Exercised {
    const inference = async (utterances: readonly UtteranceAudio[], windows: readonly number[]) => {
      await this.#hanging;
      const fault = this.fault(utterances);
      if (fault) throw new Error(fault);
      if (widthOf(Math.max(...windows), rules) * windows.length > this.memorySamples)
        throw new Error(OUT_OF_MEMORY);
      this.batches.push(utterances.length);
      return utterances.map(({ pcm16k }) => recognition(`${this.#name}${pcm16k.length}`));
    };
    const run = (utterances: readonly UtteranceAudio[], padSamples?: number) =>
      inference(
        utterances,
        utterances.map(({ pcm16k }) => windowSamples(pcm16k.length, 8, padSamples)),
      );
    return {
      metadata: { tailPool: 8 },
      recognise: (utterances, { padSamples }) => run(utterances, padSamples),
      recogniseOpen: (utterances) => run(utterances),
      recogniseAgain: async (utterance) => (await run([utterance]))[0] as Recognition,
      exercise: async (rows, samples) => {
        if (rows * samples > this.memorySamples) throw new Error(OUT_OF_MEMORY);
        return 0;
      },
    };
  }
}

function recognition(text: string): Recognition {
  return {
    text,
    tokens: [1],
    logprobs: [-0.1],
    words: [],
    logprob: -0.1,
    lowestLogprob: -0.1,
    noSpeech: 0,
    language: "en",
    retries: [],
    decodeMs: 1,
    draft: NO_DRAFT,
  };
}

/** Both sides of a worker thread, within this one. */
class FakeWorker extends EventEmitter {
  threadId = 1;
  readonly #inner = new EventEmitter();
  readonly port: BatchPort = {
    on: (event, listener) => this.#inner.on(event, listener),
    postMessage: (answer: WorkerAnswer) => {
      setImmediate(() => {
        if (this.threadId !== -1) this.emit("message", structuredClone(answer));
      });
    },
  };

  postMessage(request: BatchRequest): void {
    const message = structuredClone(request);
    setImmediate(() => {
      if (this.threadId !== -1) this.#inner.emit("message", message);
    });
  }

  /** It dies, as a thread does that ran out of its heap. */
  die(): void {
    this.threadId = -1;
    this.emit("exit", 1);
  }

  async terminate(): Promise<number> {
    if (this.threadId !== -1) setImmediate(() => this.die());
    return 1;
  }

  unref(): void {}
}
