/**
 * WebM files as blocks: Opus, as browsers record it.
 */
import { MODEL_RATE_HZ } from "../base/time.ts";
import { type Block, malformed, unsupported } from "./block.ts";
import { OpusStream, parseOpusHead } from "./opus.ts";
import { webmPackets } from "./webm.ts";

/** @throws {LinescribeError} `MEDIA_MALFORMED`, or `MEDIA_UNSUPPORTED` for other codecs. */
export async function* webmBlocks(bytes: Uint8Array): AsyncIterable<Block> {
  let stream: OpusStream | null = null;
  let heard = 0;
  for (const { track, bytes: packet, discardNs } of webmPackets(bytes)) {
    if (track.codec !== "A_OPUS") throw unsupported("Expected Opus in WebM, got another codec");
    stream ??= await OpusStream.open(parseOpusHead(track.header));
    const block = stream.decode(packet);
    if (block === null) continue;
    heard += 1;
    yield discardNs > 0 ? shortened(block, discardNs) : block;
  }
  if (heard === 0) throw malformed("The WebM file holds no Opus packet that can be decoded");
}

function shortened({ rateHz, channels }: Block, discardNs: number): Block {
  const samples = Math.round((discardNs * MODEL_RATE_HZ) / 1e9);
  return {
    rateHz,
    channels: channels.map((channel) => channel.subarray(0, Math.max(0, channel.length - samples))),
  };
}
