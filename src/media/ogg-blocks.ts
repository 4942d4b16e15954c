/**
 * Ogg files as blocks: Opus, Vorbis or FLAC.
 */
import { OggVorbisDecoder } from "@wasm-audio-decoders/ogg-vorbis";
import { MODEL_RATE_HZ } from "../base/time.ts";
import { type Block, malformed, unsupported } from "./block.ts";
import { flacBlocks } from "./flac-blocks.ts";
import { MAXIMUM_CHANNELS } from "./limits.ts";
import { type OggPage, oggPages, packetsOf } from "./ogg.ts";
import { isOpusHead, OPUS_RATE_HZ, OpusStream, parseOpusHead } from "./opus.ts";

type OggCodec = "opus" | "vorbis" | "flac";

/** Recordings that follow each other in one file; each takes a decoder. */
const MAXIMUM_STREAMS = 32;
/** 255 packets of silence, 4096 samples each, fit into a page of 600 bytes: this much is 67 MB of 8 channels at most. */
const PIECE_BYTES = 1024;

/** @throws {LinescribeError} `MEDIA_MALFORMED`, or `MEDIA_UNSUPPORTED` for other codecs and for streams side by side. */
export async function* oggBlocks(bytes: Uint8Array): AsyncIterable<Block> {
  const codec = codecOf(bytes);
  if (codec === "opus") yield* opusBlocks(bytes);
  else if (codec === "vorbis") yield* vorbisBlocks(bytes);
  else yield* flacBlocks(bytes);
}

/** The one codec of the streams that follow each other in the file. */
function codecOf(bytes: Uint8Array): OggCodec {
  let codec: OggCodec | null = null;
  let serial: number | null = null;
  for (const page of oggPages(bytes)) {
    if (!page.first) {
      if (page.serial !== serial) throw unsupported("The Ogg file has several streams side by side");
      continue;
    }
    const here = codecOfHead(page.segments[0] ?? new Uint8Array(0));
    if (codec !== null && here !== codec) throw unsupported("The Ogg file has streams of several codecs");
    codec = here;
    serial = page.serial;
  }
  if (codec === null) throw malformed("The Ogg file has no beginning");
  return codec;
}

function codecOfHead(packet: Uint8Array): OggCodec {
  const text = Buffer.from(packet.subarray(0, 8)).toString("latin1");
  if (isOpusHead(packet)) return "opus";
  if (text.startsWith("\x01vorbis")) {
    const channels = packet[11] ?? 0;
    if (channels >= 1 && channels <= MAXIMUM_CHANNELS) return "vorbis";
    throw unsupported(`Expected 1 to ${MAXIMUM_CHANNELS} channels of Vorbis, got ${channels}`);
  }
  if (text.startsWith("\x7fFLAC")) return "flac";
  throw unsupported("Expected Opus, Vorbis or FLAC in Ogg, got another codec");
}

async function* opusBlocks(bytes: Uint8Array): AsyncIterable<Block> {
  let stream: OpusStream | null = null;
  let [streams, heard] = [0, 0];
  for (const { bytes: packet, page, lastOfPage } of packetsOf(oggPages(bytes))) {
    if (isOpusHead(packet)) {
      streams += 1;
      if (streams > MAXIMUM_STREAMS)
        throw unsupported(`Expected at most ${MAXIMUM_STREAMS} streams in a row`);
      stream?.close();
      stream = await OpusStream.open(parseOpusHead(packet));
      continue;
    }
    if (stream === null || isTags(packet)) continue;
    const block = stream.decode(packet, lastOfPage ? roomOf(page, stream) : undefined);
    if (block === null) continue;
    heard += 1;
    yield block;
  }
  if (heard === 0) throw malformed("The Ogg file holds no Opus packet that can be decoded");
}

function isTags(packet: Uint8Array): boolean {
  return Buffer.from(packet.subarray(0, 8)).toString("latin1") === "OpusTags";
}

/** Samples of 16 kHz that the last packet of a stream still has; the position says where the sound ends (RFC 7845, 4.5). */
function roomOf({ last, granule }: OggPage, { samples }: OpusStream): number | undefined {
  if (!last || granule === null) return undefined;
  const room = Math.round((granule * MODEL_RATE_HZ) / OPUS_RATE_HZ) - samples;
  // A recording that was cut out of a longer one counts from somewhere else.
  return room > 0 ? room : undefined;
}

async function* vorbisBlocks(bytes: Uint8Array): AsyncIterable<Block> {
  const decoder = new OggVorbisDecoder();
  await decoder.ready;
  let samples = 0;
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const decoded = await decoder.decode(bytes.subarray(at, at + PIECE_BYTES));
    if (decoded.samplesDecoded === 0) continue;
    samples += decoded.samplesDecoded;
    yield { rateHz: decoded.sampleRate, channels: decoded.channelData };
  }
  const rest = await decoder.flush();
  if (rest.samplesDecoded > 0) yield { rateHz: rest.sampleRate, channels: rest.channelData };
  if (samples + rest.samplesDecoded === 0)
    throw malformed("The Ogg file holds no Vorbis packet that can be decoded");
}
