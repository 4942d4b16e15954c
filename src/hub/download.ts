/**
 * Fills the part of a file from a hub: goes on where it stopped, tries again a few times, and says when the next run has to.
 */
import { LinescribeError } from "../base/error.ts";
import { fileAddress, pageAddress } from "./address.ts";
import type { HubAnswer, HubClient } from "./client.ts";
import type { Listing } from "./listing.ts";
import type { Part } from "./part.ts";
import { checkLinked, spanOf } from "./range.ts";
import { refusalOf } from "./refusal.ts";

export interface DownloadOptions {
  client: HubClient;
  listing: Listing;
  signal: AbortSignal;
  /** Waits between tries. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** After each piece that was written. */
  onBytes: () => void;
  /** Before another try: what happened, and how long is waited. */
  onRetry: (fault: LinescribeError, waitMs: number) => void;
}

/** Tries in a row that bring less than `PROGRESS_BYTES`. */
const TRIES_MAXIMUM = 5;
/** What makes a try worth five more: without it a server that gives a byte at a time would never be given up. */
const PROGRESS_BYTES = 1024 * 1024;
const BACKOFF_MS = 500;
/** A hub that wants us back later than this is for another run. */
const RETRY_AFTER_MAXIMUM_MS = 60_000;

/** One try that did not fill the part. */
interface Setback {
  error: LinescribeError;
  /** What the hub asks for, or null. */
  retryAfterMs: number | null;
}

/**
 * Resolves when the part is full; its content is not judged here. When it gives up, what came stays for another run.
 *
 * @throws {LinescribeError} HUB_UNREACHABLE, HUB_TIMEOUT, HUB_BROKE_OFF, HUB_BUSY after some tries; at once HUB_FORBIDDEN,
 *   HUB_NOT_FOUND, HUB_BAD_REDIRECT, HUB_BAD_ANSWER, HUB_WRONG_LENGTH, HUB_WRONG_HASH, MODEL_NOT_WRITTEN.
 */
export async function download(part: Part, options: DownloadOptions): Promise<void> {
  let tries = 0;
  let reached = part.offset;
  while (!part.isFull) {
    const setback = await attempt(part, options);
    if (setback === null) continue;
    if (part.offset - reached >= PROGRESS_BYTES) {
      reached = part.offset;
      tries = 0;
    }
    tries += 1;
    const waitMs = setback.retryAfterMs ?? BACKOFF_MS * 2 ** (tries - 1);
    if (tries >= TRIES_MAXIMUM || waitMs > RETRY_AFTER_MAXIMUM_MS) throw givenUp(setback.error, part);
    options.onRetry(setback.error, waitMs);
    await options.sleep(waitMs, options.signal);
  }
}

/** Null when the part is full. */
async function attempt(part: Part, options: DownloadOptions): Promise<Setback | null> {
  try {
    const answer = await ask(part, options);
    try {
      return await take(answer, part, options);
    } finally {
      answer.close();
    }
  } catch (error) {
    if (error instanceof LinescribeError && error.retryable && !options.signal.aborted)
      return { error, retryAfterMs: null };
    throw error;
  }
}

function ask({ file, offset, etag }: Part, { client, listing, signal }: DownloadOptions): Promise<HubAnswer> {
  const url = fileAddress(client.hub, listing.repository, listing.commit, file.name);
  if (offset === 0) return client.open(url, {}, signal);
  const range = { range: `bytes=${offset}-` };
  return client.open(url, etag === null ? range : { ...range, "if-range": etag }, signal);
}

async function take(
  answer: HubAnswer,
  part: Part,
  { client, listing, onBytes }: DownloadOptions,
): Promise<Setback | null> {
  const { file, offset, etag } = part;
  if (answer.status === 416 && offset > 0)
    return startOver(part, `${answer.host} does not know ranges of ${file.name}`);
  if (answer.status !== 200 && answer.status !== 206) {
    const asked = {
      what: `${file.name} of ${listing.repository}`,
      page: pageAddress(client.hub, listing.repository),
      hasToken: client.hasToken,
    };
    const { error, retryAfterMs } = refusalOf(answer.status, answer.headers, asked, Date.now());
    if (!error.retryable) throw error;
    return { error, retryAfterMs };
  }
  checkLinked(answer, listing, file);
  const span = spanOf(answer, { file, offset, etag });
  if (span === null)
    return startOver(part, `${answer.host} has another ${file.name} than the beginning is of`);
  if (span.from === 0 && offset > 0) await part.restart();
  await part.remember(answer.headers.etag);
  await pour(answer, part, span.to, onBytes);
  if (part.isFull) return null;
  const message = `${answer.host} ended ${file.name} after ${part.offset} of ${file.bytes} bytes`;
  return { error: new LinescribeError("HUB_BROKE_OFF", message, { retryable: true }), retryAfterMs: null };
}

/** @throws {LinescribeError} HUB_WRONG_LENGTH when there is more than `to`; then nothing of the part can be trusted. */
async function pour(answer: HubAnswer, part: Part, to: number, onBytes: () => void): Promise<void> {
  for await (const chunk of answer.body) {
    if (part.offset + chunk.length > to) {
      await part.discard();
      const message = `${answer.host} sends more of ${part.file.name} than the ${part.file.bytes} bytes that the hub lists; pull from another hub with --from`;
      throw new LinescribeError("HUB_WRONG_LENGTH", message);
    }
    await part.write(chunk);
    onBytes();
  }
}

async function startOver(part: Part, why: string): Promise<Setback> {
  await part.restart();
  await part.remember(undefined);
  const error = new LinescribeError("HUB_BAD_ANSWER", `${why}; it is begun again`, { retryable: true });
  return { error, retryAfterMs: 0 };
}

function givenUp({ code, message, retryable }: LinescribeError, { file, offset }: Part): LinescribeError {
  const kept = `${offset} of ${file.bytes} bytes of ${file.name} are here, and the next run goes on from there`;
  return new LinescribeError(code, `${message}. ${kept}`, { retryable });
}
