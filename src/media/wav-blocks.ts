/**
 * WAV files as blocks.
 */
import { parseWav } from "../audio/wav.ts";
import { LinescribeError } from "../base/error.ts";
import { type Block, malformed } from "./block.ts";

const BLOCK_SAMPLES = 65_536;

/** @throws {LinescribeError} `MEDIA_MALFORMED` */
export function* wavBlocks(bytes: Uint8Array): Iterable<Block> {
  const { rateHz, channels } = parse(bytes);
  const length = channels[0]?.length ?? 0;
  for (let at = 0; at < length; at += BLOCK_SAMPLES) {
    yield { rateHz, channels: channels.map((channel) => channel.subarray(at, at + BLOCK_SAMPLES)) };
  }
}

function parse(bytes: Uint8Array) {
  try {
    return parseWav(bytes);
  } catch (error) {
    throw error instanceof LinescribeError ? malformed(error.message) : error;
  }
}
