/**
 * WAV files as blocks: PCM of 8 to 32 bits, floats, mu-law and A-law; 1 to 8 channels.
 */
import { decodeAlaw, decodeMulaw } from "../audio/g711.ts";
import { s16ToF32 } from "../audio/sample.ts";
import { type Block, malformed, unsupported } from "./block.ts";
import { MAXIMUM_CHANNELS } from "./limits.ts";

/** Samples of each channel in a block: 2 MB of 8 channels. */
const BLOCK_SAMPLES = 65_536;
const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
const FORMAT_BYTES = 16;
/** The sub-format of an extensible header begins with a plain format tag (mmreg.h). */
const EXTENSIBLE = 0xfffe;
const SUBFORMAT_AT = 24;

/** Bytes of one channel's samples, interleaved with those of the others, to samples in [-1, 1]. */
type Decode = (bytes: Uint8Array) => Float32Array;

interface Format {
  rateHz: number;
  channelCount: number;
  sampleBytes: number;
  decode: Decode;
}

/**
 * A file that is cut short, and a stream whose sizes were never filled in, counts up to its last whole sample.
 *
 * @throws {LinescribeError} `MEDIA_MALFORMED`, or `MEDIA_UNSUPPORTED` for another encoding.
 */
export function* wavBlocks(bytes: Uint8Array): Iterable<Block> {
  let format: Format | null = null;
  let found = false;
  for (const { id, body } of chunksOf(bytes)) {
    if (id === "fmt ") format ??= parseFormat(body);
    if (id !== "data" || found) continue;
    if (format === null) throw malformed("The WAV file has its samples before their format");
    found = true;
    yield* blocksOf(body, format);
  }
  if (!found) throw malformed("The WAV file has no samples");
}

function* blocksOf(body: Uint8Array, { rateHz, channelCount, sampleBytes, decode }: Format): Iterable<Block> {
  const frameBytes = channelCount * sampleBytes;
  const wholeBytes = body.length - (body.length % frameBytes);
  for (let at = 0; at < wholeBytes; at += BLOCK_SAMPLES * frameBytes) {
    const interleaved = decode(body.subarray(at, Math.min(wholeBytes, at + BLOCK_SAMPLES * frameBytes)));
    yield { rateHz, channels: separated(interleaved, channelCount) };
  }
}

function separated(interleaved: Float32Array, channelCount: number): Float32Array[] {
  if (channelCount === 1) return [interleaved];
  return Array.from({ length: channelCount }, (_, channel) => {
    const samples = new Float32Array(interleaved.length / channelCount);
    for (let index = 0; index < samples.length; index++) {
      samples[index] = interleaved[index * channelCount + channel] as number;
    }
    return samples;
  });
}

/** Chunks, each bounded by the end of the file; one of odd size is followed by a byte of padding. */
function* chunksOf(bytes: Uint8Array): Iterable<{ id: string; body: Uint8Array }> {
  const view = viewOf(bytes);
  const riffBytes = bytes.length < RIFF_HEADER_BYTES ? 0 : view.getUint32(4, true);
  // What a writer that cannot seek back leaves; then the samples end with the file.
  const neverClosed = riffBytes === 0 || riffBytes === 0xffffffff;
  let at = RIFF_HEADER_BYTES;
  while (at + CHUNK_HEADER_BYTES <= bytes.length) {
    const id = Buffer.from(bytes.subarray(at, at + 4)).toString("latin1");
    const size = view.getUint32(at + 4, true);
    const start = at + CHUNK_HEADER_BYTES;
    const open = id === "data" && size === 0 && neverClosed;
    yield { id, body: open ? bytes.subarray(start) : bytes.subarray(start, start + size) };
    at = start + size + (size % 2);
  }
}

function parseFormat(body: Uint8Array): Format {
  if (body.length < FORMAT_BYTES) throw malformed("The format of the WAV file is too short");
  const view = viewOf(body);
  const plain = view.getUint16(0, true);
  const extended = plain === EXTENSIBLE && body.length >= SUBFORMAT_AT + 2;
  const tag = extended ? view.getUint16(SUBFORMAT_AT, true) : plain;
  const channelCount = view.getUint16(2, true);
  const frameBytes = view.getUint16(12, true);
  const bits = view.getUint16(14, true);
  const decode = DECODERS[`${tag} ${bits}`];
  if (!decode) throw unsupported(`The WAV file has samples of format ${tag} with ${bits} bits`);
  if (channelCount < 1 || channelCount > MAXIMUM_CHANNELS) {
    throw unsupported(`Expected 1 to ${MAXIMUM_CHANNELS} channels, got ${channelCount}`);
  }
  const sampleBytes = bits / 8;
  if (frameBytes !== channelCount * sampleBytes)
    throw malformed("The format of the WAV file contradicts itself");
  return { rateHz: view.getUint32(4, true), channelCount, sampleBytes, decode };
}

/** By format tag (1 PCM, 3 float, 6 A-law, 7 mu-law) and bits. */
const DECODERS: Readonly<Record<string, Decode>> = {
  "1 8": (bytes) => Float32Array.from(bytes, (byte) => (byte - 128) / 128),
  "1 16": (bytes) => each(bytes, 2, (view, at) => view.getInt16(at, true) / 2 ** 15),
  "1 24": (bytes) =>
    each(bytes, 3, (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23),
  "1 32": (bytes) => each(bytes, 4, (view, at) => view.getInt32(at, true) / 2 ** 31),
  "3 32": (bytes) => each(bytes, 4, (view, at) => audible(view.getFloat32(at, true))),
  "3 64": (bytes) => each(bytes, 8, (view, at) => audible(view.getFloat64(at, true))),
  "6 8": (bytes) => byTable(decodeAlaw, bytes),
  "7 8": (bytes) => byTable(decodeMulaw, bytes),
};

function each(
  bytes: Uint8Array,
  sampleBytes: number,
  read: (view: DataView, at: number) => number,
): Float32Array {
  const view = viewOf(bytes);
  const f32 = new Float32Array(bytes.length / sampleBytes);
  for (let index = 0; index < f32.length; index++) f32[index] = read(view, index * sampleBytes);
  return f32;
}

/** Floats may be anything: what is no number is silence, what is beyond full scale is clipped. */
function audible(sample: number): number {
  return Math.max(-1, Math.min(1, sample || 0));
}

function byTable(decode: (codes: Uint8Array, s16: Int16Array) => number, bytes: Uint8Array): Float32Array {
  const s16 = new Int16Array(bytes.length);
  decode(bytes, s16);
  return s16ToF32(s16);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
