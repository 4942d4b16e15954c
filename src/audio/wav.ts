/**
 * Reads and writes WAV files: PCM 16 bit, mu-law and A-law, mono or stereo.
 */

import { expectInteger } from "../base/guards.ts";
import { decodeAlaw, decodeMulaw, encodeMulaw } from "./g711.ts";
import { joinBytes } from "./join.ts";
import { f32ToS16, s16ToF32 } from "./sample.ts";
import {
  badWav,
  encodeFormat,
  FORMAT_ALAW,
  FORMAT_MULAW,
  FORMAT_PCM,
  parseFormat,
  sampleBytesOf,
  viewOf,
  type WavFormat,
} from "./wav-format.ts";

const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
/** What a writer that cannot seek back leaves in a size field, besides 0; as any size too large it ends with the file. */
const UNKNOWN_SIZE = 0xffffffff;

export interface Wav {
  rateHz: number;
  /** One array a channel, all of one length: [left] or [left, right]. */
  channels: Float32Array[];
}

interface Chunk {
  id: string;
  body: Uint8Array;
}

function asciiAt(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + 4));
}

/**
 * Parses a WAV file. Files cut short, and streams whose sizes were never filled in, count up to their last whole
 * sample; other chunks are skipped.
 *
 * @param bytes - The whole file; not kept.
 * @throws {LinescribeError} AUDIO_BAD_WAV, and nothing else, whatever the bytes.
 */
export function parseWav(bytes: Uint8Array): Wav {
  if (bytes.length < RIFF_HEADER_BYTES || asciiAt(bytes, 0) !== "RIFF" || asciiAt(bytes, 8) !== "WAVE") {
    throw badWav(`Expected a RIFF file of type WAVE, got ${bytes.length} bytes of something else`);
  }
  let format: WavFormat | undefined;
  let samples: Uint8Array | undefined;
  for (const { id, body } of chunksOf(bytes)) {
    if (id === "fmt ") format ??= parseFormat(body);
    if (id === "data") samples ??= body;
    if (format && samples) return { rateHz: format.rateHz, channels: decodeChannels(format, samples) };
  }
  throw badWav(`Expected a fmt and a data chunk, got no ${format ? "data" : "fmt"} chunk`);
}

/** Walks the chunks, each bounded by the end of the file; a chunk of odd size is followed by one byte of padding. */
function* chunksOf(bytes: Uint8Array): Generator<Chunk> {
  const view = viewOf(bytes);
  const riffBytes = view.getUint32(4, true);
  const neverClosed = riffBytes === 0 || riffBytes === UNKNOWN_SIZE;
  for (let offset = RIFF_HEADER_BYTES; offset + CHUNK_HEADER_BYTES <= bytes.length; ) {
    const id = asciiAt(bytes, offset);
    const start = offset + CHUNK_HEADER_BYTES;
    let size = view.getUint32(offset + 4, true);
    if (id === "data" && size === 0 && neverClosed) size = bytes.length - start;
    yield { id, body: bytes.subarray(start, Math.min(start + size, bytes.length)) };
    offset = start + size + (size % 2);
  }
}

function decodeChannels(format: WavFormat, samples: Uint8Array): Float32Array[] {
  const { tag, channelCount } = format;
  const length = Math.floor(samples.length / (channelCount * sampleBytesOf(tag)));
  const interleaved = decodeSamples(tag, samples, length * channelCount);
  return Array.from({ length: channelCount }, (_, channel) => {
    const s16 = new Int16Array(length);
    for (let index = 0; index < length; index++) {
      s16[index] = interleaved[index * channelCount + channel] as number;
    }
    return s16ToF32(s16);
  });
}

/** Decodes the first `count` samples, channels still interleaved. */
function decodeSamples(tag: WavFormat["tag"], samples: Uint8Array, count: number): Int16Array {
  const s16 = new Int16Array(count);
  if (tag === FORMAT_MULAW) decodeMulaw(samples.subarray(0, count), s16);
  else if (tag === FORMAT_ALAW) decodeAlaw(samples.subarray(0, count), s16);
  else {
    const view = viewOf(samples);
    for (let index = 0; index < count; index++) s16[index] = view.getInt16(2 * index, true);
  }
  return s16;
}

export interface WavToEncode extends Wav {
  encoding: "s16" | "mulaw";
}

/**
 * Writes a WAV file.
 *
 * @param wav - One or two channels of one length; samples in [-1, 1), clipped beyond.
 * @returns The whole file, in new memory.
 * @throws {RangeError} when the channels are not one or two of one length.
 */
export function encodeWav({ rateHz, encoding, channels }: WavToEncode): Uint8Array {
  const channelCount = expectInteger("channels.length", channels.length, 1, 2);
  expectInteger("rateHz", rateHz, 1);
  const s16 = interleave(channels);
  const tag = encoding === "s16" ? FORMAT_PCM : FORMAT_MULAW;
  const chunks = [chunkOf("fmt ", encodeFormat({ tag, channelCount, rateHz }))];
  if (tag !== FORMAT_PCM) chunks.push(chunkOf("fact", uint32Bytes(s16.length / channelCount)));
  chunks.push(chunkOf("data", tag === FORMAT_PCM ? littleEndian(s16) : encodeMulaw(s16)));
  return chunkOf("RIFF", joinBytes([asciiBytes("WAVE"), ...chunks]));
}

function interleave(channels: Float32Array[]): Int16Array {
  const length = channels[0]?.length ?? 0;
  const interleaved = new Int16Array(length * channels.length);
  for (const [channel, f32] of channels.entries()) {
    if (f32.length !== length) {
      throw new RangeError(`Expected channels of ${length} samples, got one of ${f32.length}`);
    }
    const s16 = f32ToS16(f32);
    for (let index = 0; index < length; index++) {
      interleaved[index * channels.length + channel] = s16[index] as number;
    }
  }
  return interleaved;
}

function littleEndian(s16: Int16Array): Uint8Array {
  const bytes = new Uint8Array(2 * s16.length);
  const view = viewOf(bytes);
  for (let index = 0; index < s16.length; index++) view.setInt16(2 * index, s16[index] as number, true);
  return bytes;
}

function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function uint32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

function chunkOf(id: string, body: Uint8Array): Uint8Array {
  return joinBytes([asciiBytes(id), uint32Bytes(body.length), body, new Uint8Array(body.length % 2)]);
}
