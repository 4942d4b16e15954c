/**
 * What docs/deepgram.md says is what the socket does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { CLOSES } from "../../src/deepgram/close.ts";
import { ENDPOINTING_FLOOR_MS } from "../../src/deepgram/endpointing.ts";
import { ERR_CODES, STATUS_CODES } from "../../src/deepgram/error.ts";
import { IDLE_MS } from "../../src/deepgram/live-socket.ts";
import { OPTIONS } from "../../src/deepgram/option-table.ts";
import { DEFAULT_LIMITS } from "../../src/sockets/deadlines.ts";
import { MESSAGE_MAXIMUM_BYTES } from "../../src/sockets/greeting.ts";
import { PROFILES } from "../../src/vad/profile.ts";

const PAGE = readFileSync(path.resolve(import.meta.dirname, "../../docs/deepgram.md"), "utf8");

/** Rows of the table under these headings, cells trimmed. */
function table(head: string): string[][] {
  const lines = PAGE.slice(PAGE.indexOf(head)).split("\n");
  const end = lines.findIndex((line) => !line.startsWith("|"));
  const rows = lines.slice(2, end);
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const SAID = { honoured: "yes", accepted: "no effect", unsupported: "no" } as const;

test("every option of the page is the program's, and none is missing", () => {
  const said = table("| Option |").map(([name = "", live, files]) => [name.replaceAll("`", ""), live, files]);
  const done = Object.entries(OPTIONS).map(([name, { live, files }]) => [name, SAID[live], SAID[files]]);
  assert.deepEqual(said.sort(), done.sort());
});

test("every close of the page is the program's, and none is missing", () => {
  const said = new Set(
    table("| Close |").flatMap(([codes = "", reason = ""]) =>
      [...reason.matchAll(/`([A-Z0-9_-]+)`/g)].flatMap(([, variant]) =>
        codes.split(", ").map((code) => `${code} ${variant}`),
      ),
    ),
  );
  for (const { code, variant } of Object.values(CLOSES)) {
    assert.ok(said.delete(`${code} ${variant}`) || variant === "DATA-0000", variant);
  }
  // What the library, or whatever else goes wrong, closes with.
  const others = ["1002", "1007", "1008"].map((code) => `${code} SOCKET_BAD_FRAME`);
  assert.deepEqual([...said].sort(), [...others, "1009 REQUEST_TOO_LARGE", "1011 SOCKET_FAILED"].sort());
});

test("every refusal of the page has its code of theirs", () => {
  const known = new Set<string>([...Object.values(STATUS_CODES), ...Object.values(ERR_CODES)]);
  const rows = table("| Status |");
  assert.equal(rows.length, 7);
  for (const [status = "", cell = ""] of rows) {
    const code = cell.replaceAll("`", "");
    assert.ok(known.has(code), code);
    if (status !== "400") assert.equal(STATUS_CODES[Number(status)], code);
  }
});

test("the numbers of the page are those of the program", () => {
  const numbers: [RegExp, number][] = [
    [/up to (\d+) KiB/, MESSAGE_MAXIMUM_BYTES / 1024],
    [/more than (\d+) KiB/, MESSAGE_MAXIMUM_BYTES / 1024],
    [/never less than (\d+):/, ENDPOINTING_FLOOR_MS],
    [/ends an utterance after (\d+) ms/, PROFILES.phone.silenceMs],
    [/a long one after (\d+) ms/, PROFILES.phone.longSilenceMs],
    [/cut at (\d+) s/, PROFILES.phone.maximumUtteranceMs / 1000],
    [/(\d+) s without audio/, IDLE_MS / 1000],
    [/nothing was read for (\d+) s/, DEFAULT_LIMITS.slowReaderMs / 1000],
  ];
  for (const [pattern, expected] of numbers)
    assert.equal(Number(pattern.exec(PAGE)?.[1]), expected, String(pattern));
});
