/**
 * Files of audio for the tests: the committed ones, and some made here.
 */
import { readFileSync } from "node:fs";
import path from "node:path";

const FOLDER = path.resolve(import.meta.dirname, "../../fixtures");
/** 2.788 s of speech at 8 kHz; the containers were made from it. */
export const SPEECH = "speech/phone/asterisk-en-vm-nobodyavail.wav";

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(path.join(FOLDER, name)));
}

export interface WavFields {
  tag?: number;
  bits?: number;
  channels?: number;
  rateHz?: number;
  data: Uint8Array;
  /** What the header says the data have. */
  statedBytes?: number;
}

/** A WAV file whatever its header says. */
export function wavFile(fields: WavFields): Uint8Array {
  const { tag = 1, bits = 16, channels = 1, rateHz = 16_000, data, statedBytes = data.length } = fields;
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(statedBytes === 0 ? 0 : 36 + data.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(tag, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rateHz, 24);
  header.writeUInt32LE(((rateHz * channels * bits) / 8) % 2 ** 32, 28);
  header.writeUInt16LE((channels * bits) / 8, 32);
  header.writeUInt16LE(bits, 34);
  header.write("data", 36);
  header.writeUInt32LE(statedBytes, 40);
  return new Uint8Array(Buffer.concat([header, data]));
}

/** What a file holds, decoded in this thread. */
export async function all<T>(items: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
