/**
 * Silero VAD v5/v6 at 16 kHz in ONNX Runtime, many streams at once. Only the worker imports it.
 */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { MODEL_RATE_HZ } from "../base/time.ts";
import { VAD_FRAME_SAMPLES } from "./frame.ts";

/** The last samples of the previous frame that precede each frame; zeros at the start of a stream. */
const CONTEXT_SAMPLES = 64;
const INPUT_SAMPLES = CONTEXT_SAMPLES + VAD_FRAME_SAMPLES;
/** Width of the recurrent state; the tensor is [2, rows, 128]. */
const STATE_WIDTH = 128;

/** What the model remembers of one stream. */
interface StreamState {
  context: Float32Array;
  /** The two halves of the tensor's column. */
  halves: readonly [Float32Array, Float32Array];
}

/** The next frames of one stream. */
export interface StreamFrames {
  stream: number;
  /** Whole frames. [k * 512] */
  samples: Float32Array;
}

export class Silero {
  readonly #session: InferenceSession;
  readonly #rate = new Tensor("int64", BigInt64Array.of(BigInt(MODEL_RATE_HZ)), []);
  readonly #states = new Map<number, StreamState>();
  /** Model runs so far. */
  runs = 0;

  constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** Loads the model. One thread that sleeps when it has nothing to do: the cores belong to the recogniser. */
  static async load(modelPath: string): Promise<Silero> {
    const session = await InferenceSession.create(modelPath, {
      executionProviders: ["cpu"],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
    for (const name of ["input", "state", "sr"]) {
      if (!session.inputNames.includes(name)) throw new Error(`the model has no input "${name}"`);
    }
    return new Silero(session);
  }

  /** Forgets a stream; should it come again, it starts afresh. */
  forget(stream: number): void {
    this.#states.delete(stream);
  }

  /**
   * The speech probabilities of the next frames of some streams, all streams side by side in one run per frame.
   *
   * @returns One probability a frame, in the order of `batch`. [sum(k)]
   */
  async probabilities(batch: readonly StreamFrames[]): Promise<Float32Array<ArrayBuffer>> {
    let total = 0;
    const rows = batch.map(({ stream, samples }) => {
      const row = {
        state: this.#stateOf(stream),
        samples,
        frames: samples.length / VAD_FRAME_SAMPLES,
        at: total,
      };
      total += row.frames;
      return row;
    });
    const probabilities = new Float32Array(total);
    for (let step = 0; ; step += 1) {
      const live = rows.filter(({ frames }) => frames > step);
      if (live.length === 0) return probabilities;
      const frames = live.map(({ samples }) =>
        samples.subarray(step * VAD_FRAME_SAMPLES, (step + 1) * VAD_FRAME_SAMPLES),
      );
      const answers = await this.#run(
        live.map(({ state }) => state),
        frames,
      );
      live.forEach(({ at }, row) => {
        probabilities[at + step] = answers[row] as number;
      });
    }
  }

  #stateOf(stream: number): StreamState {
    let state = this.#states.get(stream);
    if (state === undefined) {
      state = {
        context: new Float32Array(CONTEXT_SAMPLES),
        halves: [new Float32Array(STATE_WIDTH), new Float32Array(STATE_WIDTH)],
      };
      this.#states.set(stream, state);
    }
    return state;
  }

  async #run(states: readonly StreamState[], frames: readonly Float32Array[]): Promise<Float32Array> {
    const rows = states.length;
    const input = new Float32Array(rows * INPUT_SAMPLES);
    const state = new Float32Array(2 * rows * STATE_WIDTH);
    states.forEach(({ context, halves }, row) => {
      input.set(context, row * INPUT_SAMPLES);
      input.set(frames[row] as Float32Array, row * INPUT_SAMPLES + CONTEXT_SAMPLES);
      state.set(halves[0], row * STATE_WIDTH);
      state.set(halves[1], (rows + row) * STATE_WIDTH);
    });
    const answer = await this.#session.run({
      input: new Tensor("float32", input, [rows, INPUT_SAMPLES]),
      state: new Tensor("float32", state, [2, rows, STATE_WIDTH]),
      sr: this.#rate,
    });
    this.runs += 1;
    const output = answer.output?.data as Float32Array;
    const stateN = answer.stateN?.data as Float32Array;
    const probabilities = new Float32Array(rows);
    states.forEach(({ context, halves }, row) => {
      const probability = output[row] as number;
      // A sample that is not a number would stay in the recurrent state for the rest of the call.
      const sound = Number.isFinite(probability);
      probabilities[row] = sound ? Math.min(Math.max(probability, 0), 1) : 0;
      const frame = frames[row] as Float32Array;
      if (sound) context.set(frame.subarray(VAD_FRAME_SAMPLES - CONTEXT_SAMPLES));
      else context.fill(0);
      halves.forEach((half, index) => {
        const start = (index * rows + row) * STATE_WIDTH;
        if (sound) half.set(stateN.subarray(start, start + STATE_WIDTH));
        else half.fill(0);
      });
    });
    return probabilities;
  }
}
