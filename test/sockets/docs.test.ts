/**
 * What docs/raw-pcm.md says is what the socket does.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/app/config.ts";
import { ERROR_CODES } from "../../src/base/codes.ts";
import { MESSAGE_MAXIMUM_BYTES } from "../../src/sockets/greeting.ts";
import { CLOSE_CODES, STATUSES } from "../../src/sockets/refusal.ts";
import { bytesOf, toneOf } from "../session/rig.ts";
import { socketsOf } from "./rig.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PAGE = readFileSync(path.join(ROOT, "docs/raw-pcm.md"), "utf8");

/** Rows of the table under these headings, cells trimmed. */
function table(head: string): string[][] {
  const lines = PAGE.slice(PAGE.indexOf(head)).split("\n");
  const rows = lines.slice(2, lines.indexOf(""));
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const codesIn = (cell: string): string[] =>
  [...cell.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code]) => code as string);

test("every close code of the page is the socket's, and none is missing", () => {
  const said = table("| Close |").flatMap(([close = "", codes = ""]) =>
    codesIn(codes)
      .filter((code) => !["SOCKET_BAD_FRAME", "SOCKET_FAILED"].includes(code))
      .map((code) => [code, Number(close)]),
  );
  assert.deepEqual(Object.fromEntries(said), CLOSE_CODES);
});

test("every refusal of the page is the socket's, and none is missing", () => {
  const said = table("| Status |").flatMap(([status = "", codes = ""]) =>
    codesIn(codes)
      .filter((code) => !code.startsWith("ACCESS_") && code !== "REQUEST_MALFORMED")
      .map((code) => [code, Number(status)]),
  );
  assert.deepEqual(Object.fromEntries(said), STATUSES);
  for (const code of codesIn(PAGE)) assert.ok(code in ERROR_CODES, code);
});

test("the numbers of the page are those of the program", () => {
  const { access, sockets, limits } = loadConfig({ file: null, environment: {} });
  const settings: Record<string, number> = {
    "sockets.idleMs": sockets.idleMs,
    "sockets.resumeMs": sockets.resumeMs,
    "access.maximumSessionMs": access.maximumSessionMs,
    "limits.sessions": limits.sessions,
    "limits.backlogSeconds": limits.backlogSeconds,
  };
  const said = table("| Setting |").map(([name = "", value]) => [name.replaceAll("`", ""), Number(value)]);
  assert.deepEqual(Object.fromEntries(said), settings);
  assert.equal(MESSAGE_MAXIMUM_BYTES, 512 * 1024);
  assert.match(PAGE, /up to 512 KiB/);
});

test("the client of the page prints what was said", async (t) => {
  const { url } = await socketsOf(t);
  // In the clone, so that it finds `ws` as a user's program would.
  const folder = mkdtempSync(path.join(ROOT, "test/sockets/.client-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const code = /```js\n([\s\S]+?)```/.exec(PAGE)?.[1] as string;
  writeFileSync(path.join(folder, "client.mjs"), code);
  const audio = bytesOf(toneOf(2500, [{ startMs: 500, endMs: 1500 }]), { encoding: "s16" });
  writeFileSync(path.join(folder, "sound.wav"), Buffer.concat([new Uint8Array(44), audio]));
  const address = `${url}?sample_rate=16000&encoding=s16`;
  const child = spawn(process.execPath, [
    path.join(folder, "client.mjs"),
    address,
    path.join(folder, "sound.wav"),
  ]);
  let printed = "";
  child.stdout.on("data", (chunk) => {
    printed += chunk;
  });
  child.stderr.on("data", (chunk) => {
    printed += chunk;
  });
  const [status] = await once(child, "close");
  assert.equal(status, 0, printed);
  assert.match(printed, /^\d+ ms\n$/);
});
