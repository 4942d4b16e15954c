/**
 * Takes a client's audio as it comes: bytes in any split, rate and encoding in, samples of each track at 16 kHz out.
 */
import { Deinterleaver, mixDown } from "../audio/channels.ts";
import { BYTES_PER_SAMPLE, findBadSample, PcmDecoder, type PcmEncoding } from "../audio/pcm.ts";
import type { StreamRateHz } from "../audio/rate-converter.ts";
import { LinescribeError } from "../base/error.ts";
import { samplesToMs } from "../base/time.ts";
import { TrackIntake } from "./track-intake.ts";

/** Raw audio as a client sends it. */
export interface AudioFormat {
  encoding: PcmEncoding;
  sampleRateHz: StreamRateHz;
  /** Interleaved, >= 1. Default 1. */
  channels?: number;
  /** Each channel is a track of its own; otherwise they are mixed down to one. Default false. */
  separate?: boolean;
}

/** How many tracks a format has. */
export function trackCountOf({ channels = 1, separate = false }: AudioFormat): number {
  return separate ? channels : 1;
}

export class AudioIntake {
  readonly #format: AudioFormat;
  readonly #decoder: PcmDecoder;
  readonly #channels: Deinterleaver;
  readonly #tracks: readonly TrackIntake[];
  #samples = 0;

  constructor(format: AudioFormat) {
    this.#format = format;
    this.#decoder = new PcmDecoder(format.encoding);
    this.#channels = new Deinterleaver(format.channels ?? 1);
    this.#tracks = Array.from({ length: trackCountOf(format) }, () => new TrackIntake(format.sampleRateHz));
  }

  /** Whole samples taken so far of each channel, at the client's rate. */
  get samples(): number {
    return this.#samples;
  }

  /** How long they last, ms. */
  get receivedMs(): number {
    return samplesToMs(this.#samples, this.#format.sampleRateHz);
  }

  /** Bytes of a sample, or of the samples of all channels at one time, that are not whole yet. */
  get restBytes(): number {
    return this.#decoder.restBytes + this.#channels.restSamples * BYTES_PER_SAMPLE[this.#format.encoding];
  }

  /**
   * Takes the next bytes; they are not kept.
   *
   * @returns What is settled of them at 16 kHz for each track, in [-10, 10]: none, or at least 32 ms.
   * @throws {LinescribeError} `SESSION_BAD_AUDIO` when a sample is no sound; what is pushed after that has no meaning.
   */
  push(bytes: Uint8Array): Float32Array[] {
    const f32 = this.#decoder.push(bytes);
    const bad = this.#format.encoding === "float32" ? findBadSample(f32) : null;
    if (bad !== null) {
      const at = this.#samples + Math.floor(bad / (this.#format.channels ?? 1));
      throw new LinescribeError(
        "SESSION_BAD_AUDIO",
        `Expected float32 samples in [-1, 1], got ${f32[bad]} as sample ${at}: is the audio in another encoding?`,
      );
    }
    const channels = this.#channels.push(f32);
    this.#samples += channels[0]?.length ?? 0;
    const tracks = this.#format.separate ? channels : [mixDown(channels)];
    return this.#tracks.map((track, index) => track.push(tracks[index] as Float32Array));
  }

  /** Forgets the beginning of a sample: the client starts the next bytes with a whole one. */
  forgetRest(): void {
    this.#decoder.forgetRest();
    this.#channels.forgetRest();
  }

  /** What waits to be a block, of each track. */
  takeBlocks(): Float32Array[] {
    return this.#tracks.map((track) => track.takeBlock());
  }

  /** Everything that is still held, of each track. Nothing may be pushed after it. */
  flush(): Float32Array[] {
    return this.#tracks.map((track) => track.flush());
  }
}
