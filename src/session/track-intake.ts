/**
 * The samples of one track on their way to the model's rate, gathered so that tiny messages do not become tiny blocks.
 */
import { joinF32 } from "../audio/join.ts";
import { createRateConverter, type RateConverter, type StreamRateHz } from "../audio/rate-converter.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";

/** Fewer samples are not passed on: 32 ms. */
const BLOCK_SAMPLES = (32 * MODEL_RATE_HZ) / 1000;

export class TrackIntake {
  readonly #converter: RateConverter;
  readonly #block = new Float32Array(BLOCK_SAMPLES);
  #blockSamples = 0;

  constructor(fromHz: StreamRateHz) {
    this.#converter = createRateConverter(fromHz);
  }

  /** Takes the next samples; returns what is settled of them at 16 kHz: none, or at least 32 ms. */
  push(f32: Float32Array): Float32Array {
    const pcm16k = this.#converter.push(f32);
    if (this.#blockSamples + pcm16k.length >= BLOCK_SAMPLES) {
      return this.#blockSamples === 0 ? pcm16k : joinF32([this.takeBlock(), pcm16k]);
    }
    this.#block.set(pcm16k, this.#blockSamples);
    this.#blockSamples += pcm16k.length;
    return new Float32Array(0);
  }

  /** What waits to be a block. */
  takeBlock(): Float32Array {
    const block = this.#block.slice(0, this.#blockSamples);
    this.#blockSamples = 0;
    return block;
  }

  /** Everything that is still held. Nothing may be pushed after it. */
  flush(): Float32Array {
    return joinF32([this.takeBlock(), this.#converter.flush()]);
  }
}
