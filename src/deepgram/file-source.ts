/**
 * Where the audio of a request is: in its body, or behind a URL that its body names.
 */
import type { IncomingMessage } from "node:http";
import { LinescribeError } from "../base/error.ts";
import type { Fetcher } from "../fetch/fetcher.ts";
import { ApiError, badOption } from "../http/api-error.ts";
import { readBody } from "../http/body.ts";
import { type UploadLimits, watchUpload } from "../http/upload.ts";

export type FileSource = { bytes: Uint8Array } | { url: string };

export interface SourceOptions {
  fetcher: Pick<Fetcher, "check" | "open">;
  maximumFileBytes: number;
  upload: UploadLimits;
}

/** A URL has 2048 characters at most. */
const JSON_MAXIMUM_BYTES = 16_384;

/**
 * Reads the body of a request: JSON with a `url`, or, of any other type, the audio itself.
 *
 * @throws {ApiError} `REQUEST_MALFORMED`, `REQUEST_UNSUPPORTED_OPTION`, `REQUEST_TOO_LARGE`, `REQUEST_TIMEOUT`
 * @throws {LinescribeError} FETCH_BAD_URL, FETCH_FORBIDDEN_ADDRESS; or whatever the signal's reason is.
 */
export async function readSource(
  request: IncomingMessage,
  { fetcher, maximumFileBytes, upload }: SourceOptions,
  signal: AbortSignal,
): Promise<FileSource> {
  const isJson = /^\s*application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "");
  const watch = watchUpload(request, upload);
  try {
    const either = AbortSignal.any([signal, watch.signal]);
    const bytes = await readBody(request, isJson ? JSON_MAXIMUM_BYTES : maximumFileBytes, either);
    if (!isJson) {
      if (bytes.length > 0) return { bytes };
      throw new LinescribeError("MEDIA_MALFORMED", "The body is empty");
    }
    const url = urlOf(bytes);
    fetcher.check(url);
    return { url };
  } finally {
    watch.done();
  }
}

function urlOf(bytes: Buffer): string {
  const { url, ...others } = objectOf(bytes.toString("utf8"));
  const [other] = Object.keys(others);
  if (other !== undefined)
    throw badOption("body", 'Expected nothing but "url" in the body: options stand in the query');
  if (typeof url === "string" && url !== "") return url;
  throw new ApiError(400, "REQUEST_MALFORMED", 'Expected the body to be {"url": "https://..."}');
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new ApiError(400, "REQUEST_MALFORMED", "The body is not a JSON object");
}

/**
 * The audio of a source.
 *
 * @throws {LinescribeError} FETCH_...; or whatever the signal's reason is.
 */
export async function bytesOf(
  source: FileSource,
  { fetcher, maximumFileBytes, upload }: SourceOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if ("bytes" in source) return source.bytes;
  const request = { maximumBytes: maximumFileBytes, timeoutMs: upload.totalMs, signal };
  const { status, body, close } = await fetcher.open(source.url, { ...request, headers: { accept: "*/*" } });
  if (status !== 200) {
    close();
    throw new LinescribeError("FETCH_FAILED", `The URL answered with status ${status}, and not with a file`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
