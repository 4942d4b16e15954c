/**
 * Takes a client's audio as it comes: bytes in any split, rate and encoding in, samples at 16 kHz out.
 */
import { joinF32 } from "../audio/join.ts";
import { findBadSample, PcmDecoder, type PcmEncoding } from "../audio/pcm.ts";
import { createRateConverter, type RateConverter, type StreamRateHz } from "../audio/rate-converter.ts";
import { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ, samplesToMs } from "../base/time.ts";

/** Raw mono audio as a client sends it. */
export interface AudioFormat {
  encoding: PcmEncoding;
  sampleRateHz: StreamRateHz;
}

/** Fewer samples are not passed on, so that a client's tiny messages do not become as many tiny blocks: 32 ms. */
const BLOCK_SAMPLES = (32 * MODEL_RATE_HZ) / 1000;

export class AudioIntake {
  readonly #format: AudioFormat;
  readonly #decoder: PcmDecoder;
  readonly #converter: RateConverter;
  #samples = 0;
  readonly #block = new Float32Array(BLOCK_SAMPLES);
  #blockSamples = 0;

  constructor(format: AudioFormat) {
    this.#format = format;
    this.#decoder = new PcmDecoder(format.encoding);
    this.#converter = createRateConverter(format.sampleRateHz);
  }

  /** Whole samples taken so far, at the client's rate. */
  get samples(): number {
    return this.#samples;
  }

  /** How long they last, ms. */
  get receivedMs(): number {
    return samplesToMs(this.#samples, this.#format.sampleRateHz);
  }

  /** Bytes of a sample that is not whole yet. */
  get restBytes(): number {
    return this.#decoder.restBytes;
  }

  /**
   * Takes the next bytes; they are not kept.
   *
   * @returns What is settled of them at 16 kHz, in [-10, 10]: none, or at least 32 ms.
   * @throws {LinescribeError} `SESSION_BAD_AUDIO` when a sample is no sound; what is pushed after that has no meaning.
   */
  push(bytes: Uint8Array): Float32Array {
    const f32 = this.#decoder.push(bytes);
    const bad = this.#format.encoding === "float32" ? findBadSample(f32) : null;
    if (bad !== null) {
      const at = this.#samples + bad;
      throw new LinescribeError(
        "SESSION_BAD_AUDIO",
        `Expected float32 samples in [-1, 1], got ${f32[bad]} as sample ${at}: is the audio in another encoding?`,
      );
    }
    this.#samples += f32.length;
    return this.#gathered(this.#converter.push(f32));
  }

  /** Forgets the beginning of a sample: the client starts the next bytes with a whole one. */
  forgetRest(): void {
    this.#decoder.forgetRest();
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

  #gathered(pcm16k: Float32Array): Float32Array {
    if (this.#blockSamples + pcm16k.length >= BLOCK_SAMPLES) {
      return this.#blockSamples === 0 ? pcm16k : joinF32([this.takeBlock(), pcm16k]);
    }
    this.#block.set(pcm16k, this.#blockSamples);
    this.#blockSamples += pcm16k.length;
    return new Float32Array(0);
  }
}
