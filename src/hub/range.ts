/**
 * Whether an answer is the part of a file that was asked for: RFC 9110, 14 and 15.3.7.
 */
import { LinescribeError } from "../base/error.ts";
import type { HubAnswer } from "./client.ts";
import type { HubFile, Listing } from "./listing.ts";
import { expectPlain } from "./small-file.ts";

export interface Asked {
  readonly file: HubFile;
  /** Bytes that are there, 0 when the whole file was asked for. */
  readonly offset: number;
  /** Entity tag that they are of, or null. */
  readonly etag: string | null;
}

/** How an answer goes on: with bytes [from, to) of the file. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * The span that the body of a 200 or 206 holds. 200 to a question for the rest is the whole file: the server does not know
 * ranges, or has another file by now. So has one that answers 206 under another tag, and then the span is null.
 *
 * @throws {LinescribeError} HUB_WRONG_LENGTH, HUB_BAD_ANSWER
 */
export function spanOf(answer: HubAnswer, { file, offset, etag }: Asked): Span | null {
  expectPlain(answer);
  const { status, headers } = answer;
  const length = lengthOf(answer);
  if (status === 200) {
    if (length !== null && length !== file.bytes) throw wrongLength(answer, file, length);
    return { from: 0, to: file.bytes };
  }
  const [, start, end, total] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(headers["content-range"] ?? "") ?? [];
  if (total !== undefined && total !== "*" && Number(total) !== file.bytes)
    throw wrongLength(answer, file, Number(total));
  const span = { from: Number(start), to: Number(end) + 1 };
  const sound =
    start !== undefined && offset > 0 && span.from === offset && span.to > span.from && span.to <= file.bytes;
  if (!sound || (length !== null && length !== span.to - span.from)) throw badRange(answer, file, offset);
  return etag !== null && headers.etag !== undefined && headers.etag !== etag ? null : span;
}

function lengthOf({ headers }: HubAnswer): number | null {
  const text = headers["content-length"];
  return text === undefined ? null : Number(text);
}

function wrongLength({ host }: HubAnswer, { name, bytes }: HubFile, found: number): LinescribeError {
  const message = `${host} has ${found} bytes of ${name}, the hub lists ${bytes}; pull from another hub with --from`;
  return new LinescribeError("HUB_WRONG_LENGTH", message);
}

function badRange({ host }: HubAnswer, { name }: HubFile, offset: number): LinescribeError {
  const message =
    `${host} was asked for ${name} from byte ${offset} on and answers with another part of it; remove ${name}.part to ` +
    "begin again, or pull from another hub with --from";
  return new LinescribeError("HUB_BAD_ANSWER", message);
}

/**
 * What the hub says of a file beside redirecting to it: Hugging Face's X-Repo-Commit, X-Linked-Size and X-Linked-Etag.
 *
 * @throws {LinescribeError} HUB_WRONG_LENGTH, HUB_WRONG_HASH, HUB_BAD_ANSWER where it contradicts the list.
 */
export function checkLinked(answer: HubAnswer, { commit }: Listing, file: HubFile): void {
  const { "x-repo-commit": linkedCommit, "x-linked-size": size, "x-linked-etag": etag } = answer.hubHeaders;
  if (size !== undefined && Number(size) !== file.bytes) throw wrongLength(answer, file, Number(size));
  if (linkedCommit !== undefined && linkedCommit !== commit) {
    const message = `The hub answers for another commit than ${commit}; pull again`;
    throw new LinescribeError("HUB_BAD_ANSWER", message);
  }
  const hex = /^(?:W\/)?"([0-9a-f]{40}|[0-9a-f]{64})"$/.exec(etag ?? "")?.[1];
  if (hex === undefined || hex.length !== file.digest.hex.length || hex === file.digest.hex) return;
  const message = `The hub leads to another ${file.name} than it lists (hash ${hex}, listed ${file.digest.hex}); pull again`;
  throw new LinescribeError("HUB_WRONG_HASH", message);
}
