/**
 * WebM (Matroska, RFC 9559) as far as one track of sound needs it: EBML elements in, the packets of the track out.
 *
 * An element is an id, a size and so many bytes; id and size are integers whose first byte tells their length by its
 * leading zeros (RFC 8794). Recorders that write as they go leave the size of the large ones open.
 */
import { malformed, unsupported } from "./block.ts";

export interface WebmTrack {
  /** Such as `A_OPUS`. */
  codec: string;
  /** The codec's own header; empty when there is none. */
  header: Uint8Array;
}

export interface WebmPacket {
  track: WebmTrack;
  bytes: Uint8Array;
  /** Of the last packet of a file: nanoseconds at its end that are not to be heard; else 0. */
  discardNs: number;
}

const ID = {
  segment: 0x18538067,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  contentEncodings: 0x6d80,
  cluster: 0x1f43b675,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  discardPadding: 0x75a2,
} as const;

/** What lies in these is looked at; everything else is skipped by its size. */
const OPENED: ReadonlySet<number> = new Set([
  ID.segment,
  ID.tracks,
  ID.trackEntry,
  ID.cluster,
  ID.blockGroup,
]);
const AUDIO = 2;

interface Entry extends WebmTrack {
  number: number;
  type: number;
  encoded: boolean;
}

interface Element {
  id: number;
  /** Empty for those that are opened. */
  body: Uint8Array;
}

/**
 * The packets of the first track of sound. A file that is cut short ends with its last whole element.
 *
 * @throws {LinescribeError} `MEDIA_MALFORMED`, or `MEDIA_UNSUPPORTED` when the track is compressed or encrypted.
 */
export function* webmPackets(bytes: Uint8Array): Iterable<WebmPacket> {
  const entries: Entry[] = [];
  let track: Entry | null = null;
  let group: Uint8Array | null = null;
  let discardNs = 0;
  for (const { id, body } of elements(bytes)) {
    if (group !== null && id === ID.discardPadding) discardNs = integerOf(body);
    else if (group !== null && id !== ID.block && OPENED_OR_BLOCK.has(id)) {
      yield* packetsOf(group, track, discardNs);
      group = null;
      discardNs = 0;
    }
    if (id === ID.trackEntry) entries.push({ number: 0, type: 0, codec: "", header: body, encoded: false });
    else describe(entries.at(-1), id, body);
    if (id === ID.cluster) track ??= chosen(entries);
    if (id === ID.simpleBlock) yield* packetsOf(body, track, 0);
    if (id === ID.block) group = body;
  }
  if (group !== null) yield* packetsOf(group, track, discardNs);
}

const OPENED_OR_BLOCK: ReadonlySet<number> = new Set([...OPENED, ID.simpleBlock]);

function describe(entry: Entry | undefined, id: number, body: Uint8Array): void {
  if (entry === undefined) return;
  if (id === ID.trackNumber) entry.number = integerOf(body);
  if (id === ID.trackType) entry.type = integerOf(body);
  if (id === ID.codecId)
    entry.codec = Buffer.from(body.subarray(0, 32)).toString("latin1").replace(/\0+$/, "");
  if (id === ID.codecPrivate) entry.header = body;
  if (id === ID.contentEncodings) entry.encoded = true;
}

function chosen(entries: readonly Entry[]): Entry {
  const entry = entries.find(({ type }) => type === AUDIO);
  if (!entry) throw malformed("The WebM file has no track of sound");
  if (entry.encoded) throw unsupported("The track of the WebM file is compressed or encrypted");
  return entry;
}

/** Every element that is of interest, those that are opened before what lies in them. */
function* elements(bytes: Uint8Array): Iterable<Element> {
  let at = 0;
  while (at < bytes.length) {
    const id = readVint(bytes, at, false);
    const size = id && readVint(bytes, at + id.length, true);
    if (!id || !size) return;
    const start = at + id.length + size.length;
    if (OPENED.has(id.value)) {
      yield { id: id.value, body: new Uint8Array(0) };
      at = start;
      continue;
    }
    if (size.value === null) throw malformed(`Expected an element of known size at byte ${at}`);
    const end = start + size.value;
    if (end > bytes.length) return;
    yield { id: id.value as number, body: bytes.subarray(start, end) };
    at = end;
  }
}

interface Vint {
  value: number;
  length: number;
}

/** An integer of variable length: an id keeps its marker bit; a size whose bits are all set is open, null. */
function readVint(
  bytes: Uint8Array,
  at: number,
  isSize: true,
): { value: number | null; length: number } | null;
function readVint(bytes: Uint8Array, at: number, isSize: false): Vint | null;
function readVint(bytes: Uint8Array, at: number, isSize: boolean) {
  const first = bytes[at];
  if (first === undefined) return null;
  const length = Math.clz32(first) - 23;
  if (length > (isSize ? 8 : 4)) throw malformed(`Expected an EBML element at byte ${at}`);
  if (at + length > bytes.length) return null;
  let value = isSize ? first & (0xff >> length) : first;
  let open = value === 0xff >> length;
  for (const byte of bytes.subarray(at + 1, at + length)) {
    value = value * 256 + byte;
    open &&= byte === 0xff;
  }
  return { value: isSize && open ? null : value, length };
}

function integerOf(body: Uint8Array): number {
  return body.subarray(0, 8).reduce((value, byte) => value * 256 + byte, 0);
}

/** Track number, 2 bytes of time, flags, then one frame or several (RFC 9559, 10.2 and 10.3). */
function* packetsOf(block: Uint8Array, track: Entry | null, discardNs: number): Iterable<WebmPacket> {
  if (track === null) throw malformed("The WebM file has sound before its tracks");
  const number = readVint(block, 0, true);
  if (number === null || number.value !== track.number || block.length < number.length + 3) return;
  const lacing = ((block[number.length + 2] as number) >> 1) & 3;
  const frames = unlaced(block.subarray(number.length + 3), lacing);
  for (const [index, bytes] of frames.entries()) {
    yield { track, bytes, discardNs: index === frames.length - 1 ? discardNs : 0 };
  }
}

/** Lacing 0 is one frame, 1 is Xiph's, 2 is of equal sizes, 3 is EBML's. */
function unlaced(body: Uint8Array, lacing: number): Uint8Array[] {
  if (lacing === 0) return [body];
  const count = (body[0] ?? 0) + 1;
  if (lacing === 2) return cut(body.subarray(1), new Array(count).fill((body.length - 1) / count));
  const sizes = lacing === 1 ? xiphSizes(body, count - 1) : ebmlSizes(body, count - 1);
  const rest = body.subarray(sizes.end);
  const others = sizes.values.reduce((sum, size) => sum + size, 0);
  return cut(rest, [...sizes.values, rest.length - others]);
}

function cut(body: Uint8Array, sizes: number[]): Uint8Array[] {
  let at = 0;
  return sizes.map((size) => {
    if (!Number.isInteger(size) || size < 0 || at + size > body.length) {
      throw malformed("A block of the WebM file is laced wrongly");
    }
    at += size;
    return body.subarray(at - size, at);
  });
}

function xiphSizes(body: Uint8Array, count: number): { values: number[]; end: number } {
  const values: number[] = [];
  let at = 1;
  while (values.length < count) {
    let size = 0;
    while (body[at] === 255) {
      size += 255;
      at += 1;
    }
    values.push(size + (body[at] ?? 0));
    at += 1;
  }
  return { values, end: at };
}

/** The first size, then differences: integers of which half the range is below zero. */
function ebmlSizes(body: Uint8Array, count: number): { values: number[]; end: number } {
  const values: number[] = [];
  let at = 1;
  let size = 0;
  while (values.length < count) {
    const vint = readVint(body, at, true);
    if (vint === null || vint.value === null) throw malformed("A block of the WebM file is laced wrongly");
    size = values.length === 0 ? vint.value : size + vint.value - (2 ** (7 * vint.length - 1) - 1);
    values.push(size);
    at += vint.length;
  }
  return { values, end: at };
}
