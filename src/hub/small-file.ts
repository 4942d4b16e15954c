/**
 * Small files of a repository that are read here before anything is written: manifests, configurations, indexes.
 */
import { createHash } from "node:crypto";
import { LinescribeError } from "../base/error.ts";
import { fileAddress, pageAddress } from "./address.ts";
import type { HubAnswer, HubClient } from "./client.ts";
import type { HubFile, Listing } from "./listing.ts";
import { refusalOf } from "./refusal.ts";

/**
 * A whole file, verified.
 *
 * @throws {LinescribeError} What `HubClient.open` throws; HUB_FORBIDDEN, HUB_NOT_FOUND, HUB_BUSY, HUB_BAD_ANSWER,
 *   HUB_WRONG_LENGTH, HUB_WRONG_HASH, HUB_BROKE_OFF.
 */
export async function readSmallFile(
  client: HubClient,
  { repository, commit }: Listing,
  file: HubFile,
  maximumBytes: number,
  signal: AbortSignal,
): Promise<string> {
  const what = `${file.name} of ${repository}`;
  if (file.bytes > maximumBytes) {
    const message = `Expected ${what} to have at most ${maximumBytes} bytes, the hub lists ${file.bytes}`;
    throw new LinescribeError("HUB_WRONG_LENGTH", message);
  }
  const answer = await client.open(fileAddress(client.hub, repository, commit, file.name), {}, signal);
  try {
    if (answer.status !== 200) {
      const asked = { what, page: pageAddress(client.hub, repository), hasToken: client.hasToken };
      throw refusalOf(answer.status, answer.headers, asked, Date.now()).error;
    }
    const body = await readAll(answer, maximumBytes);
    verify(body, file, what);
    return body.toString("utf8");
  } finally {
    answer.close();
  }
}

function verify(body: Buffer, { bytes, digest }: HubFile, what: string): void {
  if (body.length !== bytes) {
    const message = `Expected ${bytes} bytes of ${what} as the hub lists it, got ${body.length}; pull again, or from another hub with --from`;
    throw new LinescribeError("HUB_WRONG_LENGTH", message);
  }
  const hash = createHash(digest.kind === "git" ? "sha1" : "sha256");
  if (digest.kind === "git") hash.update(`blob ${bytes}\0`);
  if (hash.update(body).digest("hex") === digest.hex) return;
  const message = `What the hub sent as ${what} is not the file that it lists; pull again, or from another hub with --from`;
  throw new LinescribeError("HUB_WRONG_HASH", message);
}

/** @throws {LinescribeError} HUB_BAD_ANSWER when the body is encoded, or longer than `maximumBytes`. */
export async function readAll(answer: HubAnswer, maximumBytes: number): Promise<Buffer> {
  expectPlain(answer);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body) {
    length += chunk.length;
    if (length > maximumBytes)
      throw new LinescribeError("HUB_BAD_ANSWER", `${answer.host} sends more than ${maximumBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Bytes are counted and hashed as they are stored, so nothing may be packed on the way; we asked for that. */
export function expectPlain({ headers, host }: HubAnswer): void {
  const encoding = headers["content-encoding"]?.toLowerCase() ?? "";
  if (encoding === "" || encoding === "identity") return;
  const message = `${host} sends a packed body although a plain one was asked for; pull from another hub with --from`;
  throw new LinescribeError("HUB_BAD_ANSWER", message);
}
