/**
 * The files that browsers get: read once, compressed once, with an etag each.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Where files for browsers are: beside the program in a clone, and in the package, whose program is in `dist/`. */
export function browserDirectory(): string {
  return fileURLToPath(new URL("../../src/browser", import.meta.url));
}

/** A charset, or scripts would be read as Latin-1. */
const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml; charset=utf-8",
};

export interface Asset {
  type: string;
  bytes: Uint8Array;
  gzip: Uint8Array;
  /** Strong, in its quotes. */
  etag: string;
}

/** The files of a folder that are served, by name. Blocks; meant for the start. */
export function readAssets(directory: string = browserDirectory()): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(directory)) {
    const type = TYPES[path.extname(name)];
    if (type === undefined) continue;
    const bytes = readFileSync(path.join(directory, name));
    const hash = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
    assets.set(name, { type, bytes, gzip: gzipSync(bytes, { level: 9 }), etag: `"${hash}"` });
  }
  return assets;
}

/** Answers with a file. Names carry no version, so browsers ask each time, and are told when nothing changed. */
export function sendAsset(asset: Asset, request: IncomingMessage, response: ServerResponse): void {
  const { type, bytes, gzip, etag } = asset;
  const compressed = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(
    String(request.headers["accept-encoding"] ?? ""),
  );
  // The two bodies differ, and a strong etag names one of them.
  const tag = compressed ? `${etag.slice(0, -1)}-gz"` : etag;
  response.setHeader("cache-control", "no-cache");
  response.setHeader("etag", tag);
  response.setHeader("vary", "accept-encoding");
  if (knows(request, tag)) {
    response.writeHead(304).end();
    return;
  }
  const body = compressed ? gzip : bytes;
  if (compressed) response.setHeader("content-encoding", "gzip");
  response.writeHead(200, { "content-type": type, "content-length": body.length });
  response.end(request.method === "HEAD" ? undefined : body);
}

function knows({ headers }: IncomingMessage, tag: string): boolean {
  const known = (headers["if-none-match"] ?? "").split(",").map((entry) => entry.trim().replace(/^W\//, ""));
  return known.includes(tag) || known.includes("*");
}
