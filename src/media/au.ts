/**
 * Sound that ffmpeg writes, in the one format whose head can be written before its end is known: Sun's AU.
 *
 *     0       4            8            12        16     20        offset
 *     ".snd"  data offset  data length  encoding  rate   channels  samples, interleaved, 16 bit, big-endian
 */
import { malformed, unsupported } from "./block.ts";
import { MAXIMUM_CHANNELS } from "./limits.ts";
import { Sound } from "./sound.ts";

const MAGIC = ".snd";
const HEAD_BYTES = 24;
/** A head longer than this is none of ffmpeg's. */
const HEAD_MAXIMUM_BYTES = 4096;
const SAMPLE_BYTES = 2;

/** Takes the channels of a stream of AU apart, wherever its pieces begin and end. */
export class AuTracks {
  readonly tracks: Sound[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #samples = 0;

  /** Samples so far, of all channels. */
  get samples(): number {
    return this.#samples;
  }

  /** @throws {LinescribeError} `MEDIA_MALFORMED`, or `MEDIA_UNSUPPORTED` for more than 8 channels. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = this.tracks.length > 0 ? this.#take(bytes) : this.#head(bytes);
  }

  /** @returns What was not used. */
  #head(bytes: Buffer): Buffer {
    if (bytes.length < HEAD_BYTES) return bytes;
    const [start, channels] = [bytes.readUInt32BE(4), bytes.readUInt32BE(20)];
    if (bytes.toString("latin1", 0, 4) !== MAGIC || start < HEAD_BYTES || start > HEAD_MAXIMUM_BYTES)
      throw malformed("ffmpeg wrote something else than sound");
    if (channels < 1 || channels > MAXIMUM_CHANNELS)
      throw unsupported(`Expected 1 to ${MAXIMUM_CHANNELS} channels, got ${channels}`);
    if (bytes.length < start) return bytes;
    for (let channel = 0; channel < channels; channel++) this.tracks.push(new Sound());
    return this.#take(bytes.subarray(start));
  }

  #take(bytes: Buffer): Buffer {
    const channels = this.tracks.length;
    const length = Math.floor(bytes.length / (channels * SAMPLE_BYTES));
    for (const [channel, sound] of this.tracks.entries()) {
      const s16 = new Int16Array(length);
      for (let index = 0; index < length; index++)
        s16[index] = bytes.readInt16BE((index * channels + channel) * SAMPLE_BYTES);
      sound.push(s16);
    }
    this.#samples += length * channels;
    return bytes.subarray(length * channels * SAMPLE_BYTES);
  }
}
