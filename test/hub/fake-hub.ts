/**
 * A hub as Hugging Face's is, on a real port: lists, and files that it redirects to a storage on another one. Tests put
 * faults in the place of either.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { parseHub } from "../../src/hub/address.ts";
import { HubClient } from "../../src/hub/client.ts";
import type { HubName } from "../../src/hub/name.ts";
import { type Pulled, type PullOptions, pull } from "../../src/hub/pull.ts";

export const REPOSITORY = "owner/some-whisper";
export const NAME: HubName = { repository: REPOSITORY, model: null };
export const COMMIT = "c0ffee".repeat(7).slice(0, 40);

export const sha256 = (body: string | Buffer): string => createHash("sha256").update(body).digest("hex");
export const gitHash = (body: Buffer): string =>
  createHash("sha1").update(`blob ${body.length}\0`).update(body).digest("hex");

/** Answers in the place of the hub or the storage; true when it did. */
export type Fault = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean;

export interface Asked {
  url: string;
  headers: http.IncomingHttpHeaders;
}

export interface FakeHub {
  url: string;
  /** Requests to the hub itself, and to its storage. */
  asked: { hub: Asked[]; storage: Asked[] };
  /** For files, in the place of the redirect. */
  onHub: Fault;
  /** For files, in the place of the storage. */
  onStorage: Fault;
  /** For `.onnx` files alone. */
  onGraph: Fault;
  /** Changes what is listed. */
  onList: (list: FakeList) => unknown;
  /** The `Range` of each request for an `.onnx` file, in their order. */
  ranges(): (string | undefined)[];
}

export interface FakeList {
  sha: string;
  siblings: Record<string, unknown>[];
  [more: string]: unknown;
}

export function listen(t: TestContext, answer: RequestListener): Promise<string> {
  const server = http.createServer(answer).listen(0, "127.0.0.1");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new Promise((resolve) =>
    server.once("listening", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  );
}

/** @param files - By name; those above 200 bytes are listed as large files, by their sha256. */
export async function startHub(t: TestContext, files: Readonly<Record<string, Buffer>>): Promise<FakeHub> {
  const hub: FakeHub = {
    url: "",
    asked: { hub: [], storage: [] },
    onHub: () => false,
    onStorage: () => false,
    onGraph: () => false,
    onList: (list) => list,
    ranges: () => hub.asked.storage.filter(({ url }) => isGraph(url)).map(({ headers }) => headers.range),
  };
  const bodyOf = (url: string) => files[decodeURIComponent(url.slice(url.lastIndexOf("/") + 1))];
  const storage = await listen(t, (request, response) => {
    hub.asked.storage.push({ url: request.url ?? "", headers: request.headers });
    const body = bodyOf(request.url ?? "") as Buffer;
    if (hub.onStorage(request, response, body)) return;
    if (!isGraph(request.url ?? "") || !hub.onGraph(request, response, body)) serve(request, response, body);
  });
  hub.url = await listen(t, (request, response) => {
    const url = request.url ?? "";
    hub.asked.hub.push({ url, headers: request.headers });
    if (url.startsWith("/api/")) {
      response.end(JSON.stringify(hub.onList(listOf(files))));
      return;
    }
    const body = bodyOf(url);
    if (body === undefined) response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
    else if (!hub.onHub(request, response, body)) redirect(response, body, `${storage}${url}`);
  });
  return hub;
}

const isGraph = (url: string): boolean => url.endsWith(".onnx");

function redirect(response: ServerResponse, body: Buffer, location: string): void {
  const linked = isLarge(body) ? { "x-linked-size": body.length, "x-linked-etag": `"${sha256(body)}"` } : {};
  response.writeHead(302, { location, "x-repo-commit": COMMIT, ...linked }).end();
}

const isLarge = (body: Buffer): boolean => body.length > 200;

function listOf(files: Readonly<Record<string, Buffer>>): FakeList {
  const siblings = Object.entries(files).map(([rfilename, body]) => ({
    rfilename,
    size: body.length,
    blobId: isLarge(body) ? "0".repeat(40) : gitHash(body),
    ...(isLarge(body) ? { lfs: { sha256: sha256(body), size: body.length, pointerSize: 134 } } : {}),
  }));
  return {
    _id: "1",
    id: REPOSITORY,
    sha: COMMIT,
    private: false,
    siblings,
    cardData: { license: "apache-2.0" },
  };
}

/** A file as a sound storage gives it: ranges, and a tag. */
export function serve(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const { from, head } = answerTo(request, body);
  response.writeHead(from === null ? 200 : 206, head).end(body.subarray(from ?? 0));
}

/** The same, but the connection breaks after `bytes` of the body; what has not been read by then is lost. */
export function breakAfter(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  bytes: number,
): void {
  begin(request, response, body, bytes);
  setImmediate(() => response.destroy());
}

/** The first `bytes` of an answer; the rest is for the caller to send, or not. */
export function begin(request: IncomingMessage, response: ServerResponse, body: Buffer, bytes: number): void {
  const { from, head } = answerTo(request, body);
  response.writeHead(from === null ? 200 : 206, head);
  response.flushHeaders();
  const start = from ?? 0;
  const piece = body.subarray(start, Math.min(body.length, start + bytes));
  if (piece.length > 0) response.write(piece);
}

function answerTo(
  request: IncomingMessage,
  body: Buffer,
): { from: number | null; head: http.OutgoingHttpHeaders } {
  const etag = `"${sha256(body).slice(0, 16)}"`;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const condition = request.headers["if-range"];
  const from = asked && (condition === undefined || condition === etag) ? Number(asked[1]) : null;
  const common = { etag, "accept-ranges": "bytes", "content-length": body.length - (from ?? 0) };
  if (from === null) return { from, head: common };
  return { from, head: { ...common, "content-range": `bytes ${from}-${body.length - 1}/${body.length}` } };
}

/** A ready model: graph and tokenizer of random letters, and the manifest for both. */
export function readyFiles(name = "whisper-tiny", bytes = 5000): Record<string, Buffer> {
  const graph = Buffer.from(
    Array.from({ length: bytes }, (_, index) => (index * 7919 + (index >> 8)) & 0xff),
  );
  const tokenizer = Buffer.from(JSON.stringify({ model: name }));
  const entry = (suffix: string, file: string, body: Buffer, purpose: string) => ({
    name: `${name}${suffix}`,
    file,
    sha256: sha256(body),
    bytes: body.length,
    licence: "MIT",
    source: "made for a test",
    purpose,
  });
  const models = [
    entry("", `${name}.onnx`, graph, "asr"),
    entry(".tokenizer", `${name}.tokenizer.json`, tokenizer, "tokenizer"),
  ];
  return {
    "manifest.json": Buffer.from(JSON.stringify({ models })),
    [`${name}.onnx`]: graph,
    [`${name}.tokenizer.json`]: tokenizer,
    ".gitattributes": Buffer.from("*.onnx filter=lfs\n"),
    "README.md": Buffer.from("---\nlicense: mit\n---\n"),
  };
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-hub-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Told {
  retries: string[];
  waitsMs: number[];
  ended: string[];
}

/** Pulls from `hub` without waiting between tries. */
export function pullFrom(
  hub: { url: string },
  folder: string,
  options: Partial<PullOptions> & {
    token?: string | null;
    stallMs?: number;
    told?: Told;
    /** After each piece that was written. */
    came?: (bytes: number) => void;
  } = {},
): Promise<Pulled> {
  const { token = null, stallMs = 5000, told, came, ...rest } = options;
  return pull({
    client: new HubClient({ hub: parseHub(hub.url), token, stallMs }),
    name: NAME,
    revision: "main",
    folder,
    signal: new AbortController().signal,
    sleep: async (ms) => {
      told?.waitsMs.push(ms);
    },
    report: {
      began: () => {},
      came: (_, bytes) => came?.(bytes),
      ended: ({ name }, how) => told?.ended.push(`${name} ${how}`),
      retried: (_, fault) => told?.retries.push(fault.code),
    },
    ...rest,
  });
}

export const silence = (): Told => ({ retries: [], waitsMs: [], ended: [] });
