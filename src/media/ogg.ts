/**
 * Ogg (RFC 3533): pages, and the packets that they carry.
 *
 *     0       4  5    6                 14        18         22     26  27
 *     "OggS"  0  type granule position  serial    sequence   CRC    n   n lengths of segments, then the segments
 */
import { malformed } from "./block.ts";

export interface OggPage {
  /** A packet goes on from the page before. */
  continued: boolean;
  /** First and last page of its stream. */
  first: boolean;
  last: boolean;
  /** Position at the end of the last packet that ends here, in the codec's samples; null when none does. */
  granule: number | null;
  serial: number;
  /** What ends in this page, and what goes on in the next. */
  segments: Uint8Array[];
  /** Whether the last of the segments is a packet's end. */
  complete: boolean;
}

export interface OggPacket {
  bytes: Uint8Array;
  /** Of the page in which it ends. */
  page: OggPage;
  /** Whether it is the last one that ends in its page. */
  lastOfPage: boolean;
}

const HEADER_BYTES = 27;
/** A segment of this length goes on in the next one. */
const FULL_SEGMENT = 255;
/** No packet of sound is longer: an Opus packet of 120 ms for 8 channels has some 100 kB at most. */
const PACKET_MAXIMUM_BYTES = 1024 * 1024;

/**
 * The pages in order; a file that is cut short ends with its last whole page. Checksums are not looked at: what is
 * damaged inside a page is the codec's to find.
 *
 * @throws {LinescribeError} `MEDIA_MALFORMED` where a page is expected and there is none.
 */
export function* oggPages(bytes: Uint8Array): Iterable<OggPage> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    // "OggS" and version 0.
    if (view.getUint32(at) !== 0x4f676753 || bytes[at + 4] !== 0) {
      const next = nextPage(bytes, at);
      if (next === null) throw malformed(`Expected an Ogg page at byte ${at}`);
      at = next;
      continue;
    }
    const count = bytes[at + 26] as number;
    const lengths = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + count);
    const body = at + HEADER_BYTES + count;
    const end = body + lengths.reduce((sum, length) => sum + length, 0);
    if (lengths.length < count || end > bytes.length) return;
    const type = bytes[at + 5] as number;
    const granule = view.getBigInt64(at + 6, true);
    yield {
      continued: (type & 1) !== 0,
      first: (type & 2) !== 0,
      last: (type & 4) !== 0,
      granule: granule < 0n ? null : Number(granule),
      serial: view.getUint32(at + 14, true),
      ...cutSegments(bytes.subarray(body, end), lengths),
    };
    at = end;
  }
}

/** Where the next page begins after bytes that are none, or null. */
function nextPage(bytes: Uint8Array, from: number): number | null {
  const index = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf("OggS\0", from + 1);
  return index < 0 ? null : index;
}

function cutSegments(body: Uint8Array, lengths: Uint8Array): Pick<OggPage, "segments" | "complete"> {
  const segments: Uint8Array[] = [];
  let [start, at] = [0, 0];
  for (const length of lengths) {
    at += length;
    if (length === FULL_SEGMENT) continue;
    segments.push(body.subarray(start, at));
    start = at;
  }
  const complete = lengths.at(-1) !== FULL_SEGMENT;
  if (!complete) segments.push(body.subarray(start));
  return { segments, complete };
}

/**
 * The packets of one stream, in order.
 *
 * @throws {LinescribeError} `MEDIA_MALFORMED` when one is longer than 1 MiB.
 */
export function* packetsOf(pages: Iterable<OggPage>): Iterable<OggPacket> {
  let open: Uint8Array[] = [];
  for (const page of pages) {
    if (!page.continued) open = [];
    const ends = page.complete ? page.segments.length : page.segments.length - 1;
    for (const [index, segment] of page.segments.entries()) {
      open.push(segment);
      if (open.reduce((sum, { length }) => sum + length, 0) > PACKET_MAXIMUM_BYTES) {
        throw malformed(`Expected Ogg packets of at most ${PACKET_MAXIMUM_BYTES} bytes`);
      }
      if (index >= ends) continue;
      // The rest of a packet whose beginning is not there is none.
      const torn = index === 0 && page.continued && open.length === 1;
      const bytes = open.length === 1 ? segment : Buffer.concat(open);
      open = [];
      if (!torn) yield { bytes, page, lastOfPage: index === ends - 1 };
    }
  }
}
