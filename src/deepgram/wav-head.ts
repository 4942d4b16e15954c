/**
 * The head of a WAV file that comes as a stream: what its samples are, and where they begin and end.
 */
import { joinBytes } from "../audio/join.ts";
import { STREAM_RATES_HZ } from "../audio/rate-converter.ts";
import { FORMAT_ALAW, FORMAT_PCM, parseFormat, viewOf, type WavFormat } from "../audio/wav-format.ts";
import { LinescribeError } from "../base/error.ts";
import type { RawFormat } from "./options.ts";

export interface WavBody {
  format: RawFormat;
  /** The samples that came with the head. */
  first: Uint8Array;
  /** Bytes of samples in all; Infinity where the writer did not know. */
  dataBytes: number;
}

const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
/** Chunks of cover art come behind the samples, if at all. */
const HEAD_MAXIMUM_BYTES = 65_536;
/** From here on a size is what a writer that cannot seek back has left. */
const UNKNOWN_SIZE = 0x7fff_0000;

export class WavHead {
  #bytes: Uint8Array = new Uint8Array(0);

  /**
   * Takes the next bytes; null while the samples have not begun.
   *
   * @throws {LinescribeError} `MEDIA_UNSUPPORTED` or `AUDIO_BAD_WAV` when there is no WAV file that can be read live.
   */
  push(bytes: Uint8Array): WavBody | null {
    this.#bytes = joinBytes([this.#bytes, bytes]);
    checkMagic(this.#bytes);
    const body = bodyOf(this.#bytes);
    if (body === null && this.#bytes.length > HEAD_MAXIMUM_BYTES) {
      throw unsupported(`no samples within the first ${HEAD_MAXIMUM_BYTES} bytes of a WAV file`);
    }
    return body;
  }
}

function checkMagic(bytes: Uint8Array): void {
  const magic = [..."RIFF", null, null, null, null, ..."WAVE"];
  const wrong = magic.some(
    (character, at) => at < bytes.length && character !== null && bytes[at] !== character.charCodeAt(0),
  );
  if (wrong) throw unsupported("a container other than WAV, or raw audio without encoding and sample_rate");
}

function bodyOf(bytes: Uint8Array): WavBody | null {
  const view = viewOf(bytes);
  let format: WavFormat | null = null;
  for (let at = RIFF_HEADER_BYTES; at + CHUNK_HEADER_BYTES <= bytes.length; ) {
    const id = String.fromCharCode(...bytes.subarray(at, at + 4));
    const size = view.getUint32(at + 4, true);
    const from = at + CHUNK_HEADER_BYTES;
    if (id === "data") {
      if (format === null) throw unsupported("samples before the format in a WAV file");
      const dataBytes = size === 0 || size >= UNKNOWN_SIZE ? Number.POSITIVE_INFINITY : size;
      return { format: rawOf(format), first: bytes.subarray(from), dataBytes };
    }
    if (id === "fmt " && from + size <= bytes.length)
      format ??= parseFormat(bytes.subarray(from, from + size));
    // Chunks are padded to even lengths.
    at = from + size + (size % 2);
  }
  return null;
}

function rawOf({ tag, rateHz, channelCount }: WavFormat): RawFormat {
  const sampleRateHz = STREAM_RATES_HZ.find((hz) => hz === rateHz);
  if (sampleRateHz === undefined) throw unsupported(`a rate of ${rateHz} Hz`);
  const encoding = tag === FORMAT_PCM ? "s16" : tag === FORMAT_ALAW ? "alaw" : "mulaw";
  return { encoding, sampleRateHz, channels: channelCount };
}

function unsupported(what: string): LinescribeError {
  return new LinescribeError("MEDIA_UNSUPPORTED", `Expected audio that can be decoded live, got ${what}`);
}
