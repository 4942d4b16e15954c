/**
 * What a file is, by its first bytes: names and content types are only what somebody said of it.
 */

/** Containers that are told apart; what is inside `ogg`, `webm` and `mp4` is seen when they are read. */
export type MediaKind = "wav" | "mp3" | "flac" | "ogg" | "webm" | "mp4" | "aac";

const ascii = (bytes: Uint8Array, at: number, text: string): boolean =>
  [...text].every((character, index) => bytes[at + index] === character.charCodeAt(0));

/**
 * The kind of a file, or null when it is none that is known.
 *
 * @param bytes - The file or its beginning, 4 kB are enough.
 */
export function kindOf(bytes: Uint8Array): MediaKind | null {
  if (ascii(bytes, 0, "RIFF") && ascii(bytes, 8, "WAVE")) return "wav";
  if (ascii(bytes, 0, "fLaC")) return "flac";
  if (ascii(bytes, 0, "OggS")) return "ogg";
  if (bytes[0] === 0x1a && bytes[1] === 0x45 && bytes[2] === 0xdf && bytes[3] === 0xa3) return "webm";
  if (ascii(bytes, 4, "ftyp")) return "mp4";
  if (ascii(bytes, 0, "ID3")) return "mp3";
  return kindOfFrame(bytes[0] ?? 0, bytes[1] ?? 0, bytes[2] ?? 0);
}

/** How far into a file the first frame of MPEG audio is looked for, behind its tags, bytes. */
const FRAME_SEARCH_BYTES = 65_536;
const ID3_HEAD_BYTES = 10;

/** Whether the first frame of a file of MPEG audio has one channel; false where there is none. */
export function isMonoMp3(bytes: Uint8Array): boolean {
  let start = 0;
  // The length of a tag has 7 bits a byte (ID3v2, 3.1).
  while (ascii(bytes, start, "ID3"))
    start +=
      [6, 7, 8, 9].reduce((size, at) => size * 128 + ((bytes[start + at] ?? 0) & 0x7f), 0) + ID3_HEAD_BYTES;
  for (let at = start; at < Math.min(bytes.length - 3, start + FRAME_SEARCH_BYTES); at++) {
    const [first = 0, second = 0, third = 0, fourth = 0] = bytes.subarray(at, at + 4);
    if (kindOfFrame(first, second, third) === "mp3") return fourth >> 6 === 3;
  }
  return false;
}

/** MPEG audio begins with 11 set bits, then 2 of version and 2 of layer; layer 0 is ADTS, which is AAC. */
function kindOfFrame(first: number, second: number, third: number): MediaKind | null {
  if (first !== 0xff || (second & 0xe0) !== 0xe0) return null;
  const [version, layer] = [(second >> 3) & 3, (second >> 1) & 3];
  if (layer === 0) return (second & 0xf0) === 0xf0 ? "aac" : null;
  const [bitrate, rate] = [third >> 4, (third >> 2) & 3];
  return version !== 1 && bitrate !== 15 && rate !== 3 ? "mp3" : null;
}
