/**
 * The list of a repository's files: which commit it is of, how large each file is, and what it hashes to.
 */
import { z } from "zod";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Digest } from "../models/digest.ts";
import { listAddress, pageAddress } from "./address.ts";
import type { HubClient } from "./client.ts";
import { refusalOf } from "./refusal.ts";
import { readAll } from "./small-file.ts";

export interface HubFile {
  readonly name: string;
  readonly bytes: number;
  readonly digest: Digest;
}

export interface Listing {
  readonly repository: string;
  /** 40 hexadecimal digits; files are asked for as they were then, whatever a branch does meanwhile. */
  readonly commit: string;
  /** As the repository's page names it (`apache-2.0`), or null. */
  readonly licence: string | null;
  /** Files at the top of the repository by name; what lies in folders is none of ours. */
  readonly files: ReadonlyMap<string, HubFile>;
}

const LIST_MAXIMUM_BYTES = 8 * 1024 * 1024;
const FILES_MAXIMUM = 10_000;
/** Nothing we could run is larger. */
const FILE_MAXIMUM_BYTES = 16 * 1024 ** 3;

const bytes = z.int().min(0);
const listed = z.object({
  rfilename: z.string().min(1).max(1000),
  size: bytes.optional(),
  blobId: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: bytes }).nullish(),
});
const list = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(listed).max(FILES_MAXIMUM),
  cardData: z.object({ license: z.unknown() }).partial().nullish(),
});

/** What no honest list holds: a way out of the folder, an absolute path, another system's separators and drives. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const TRICK = /(^|\/)\.{0,2}(\/|$)|^[a-z]:|[\\\u0000-\u001f\u007f]/i;
/** What may become a file here. */
const FILE_NAME = /^(?!\.)[\w.-]{1,200}$/;

/**
 * Asks for the list of a revision.
 *
 * @throws {LinescribeError} What `HubClient.open` throws; HUB_FORBIDDEN, HUB_NOT_FOUND, HUB_BUSY, HUB_BAD_ANSWER,
 *   HUB_BAD_FILE_NAME, HUB_BROKE_OFF.
 */
export async function fetchListing(
  client: HubClient,
  repository: string,
  revision: string,
  signal: AbortSignal,
): Promise<Listing> {
  const answer = await client.open(listAddress(client.hub, repository, revision), {}, signal);
  try {
    if (answer.status !== 200) {
      const asked = {
        what: `${repository} at revision ${revision}`,
        page: pageAddress(client.hub, repository),
        hasToken: client.hasToken,
      };
      throw refusalOf(answer.status, answer.headers, asked, Date.now()).error;
    }
    return parseListing((await readAll(answer, LIST_MAXIMUM_BYTES)).toString("utf8"), repository);
  } finally {
    answer.close();
  }
}

/** @throws {LinescribeError} HUB_BAD_ANSWER for what is no list, HUB_BAD_FILE_NAME for one that names other places. */
export function parseListing(text: string, repository: string): Listing {
  const { sha, siblings, cardData } = asList(text, repository);
  const files = new Map<string, HubFile>();
  const seen = new Set<string>();
  for (const { rfilename: name, size, blobId, lfs } of siblings) {
    if (TRICK.test(name)) {
      const message = `The list of ${repository} names a file ${JSON.stringify(name.slice(0, 100))}, which leads elsewhere; nothing of it is pulled`;
      throw new LinescribeError("HUB_BAD_FILE_NAME", message);
    }
    if (seen.has(name)) throw badList(repository, `${JSON.stringify(name)} stands there twice`);
    seen.add(name);
    if (!FILE_NAME.test(name)) continue;
    const digest: Digest | null = lfs
      ? { kind: "sha256", hex: lfs.sha256 }
      : blobId
        ? { kind: "git", hex: blobId }
        : null;
    const length = lfs?.size ?? size;
    if (digest === null || length === undefined) continue;
    if (size !== undefined && size !== length) throw badList(repository, `${name} has two sizes`);
    if (length > FILE_MAXIMUM_BYTES) throw badList(repository, `${name} has ${length} bytes`);
    files.set(name, { name, bytes: length, digest });
  }
  const licence = cardData?.license;
  const known = typeof licence === "string" && /^[\w.-]{1,50}$/.test(licence);
  return { repository, commit: sha, licence: known ? licence : null, files };
}

function asList(text: string, repository: string): z.infer<typeof list> {
  try {
    return list.parse(JSON.parse(text));
  } catch (error) {
    const fault = error instanceof z.ZodError ? z.prettifyError(error).slice(0, 300) : messageOf(error);
    throw badList(repository, fault);
  }
}

function badList(repository: string, fault: string): LinescribeError {
  const message = `The hub's list of ${repository} is not usable (${fault}); is it one of Hugging Face's kind?`;
  return new LinescribeError("HUB_BAD_ANSWER", message);
}
