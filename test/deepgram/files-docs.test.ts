/**
 * What docs/deepgram-files.md and docs/outside-urls.md say is what the program does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ERROR_CODES } from "../../src/base/codes.ts";
import { ERR_CODES, STATUS_CODES } from "../../src/deepgram/error.ts";
import { OPTIONS } from "../../src/deepgram/option-table.ts";
import { DEFAULT_OUTSIDE_SCHEDULE } from "../../src/delivery/outside-attempt.ts";
import { DEFAULT_CALLBACK_BOUNDS } from "../../src/delivery/outside-callbacks.ts";
import { DEFAULT_UPLOAD_LIMITS } from "../../src/http/upload.ts";
import { MAXIMUM_CHANNELS } from "../../src/media/limits.ts";

const page = (name: string): string =>
  readFileSync(path.resolve(import.meta.dirname, "../../docs", name), "utf8").replaceAll(/\s+/g, " ");

test("docs/deepgram-files.md names the options of files, codes that exist, and every err_code that is sent", () => {
  const text = page("deepgram-files.md");
  for (const [name, { files }] of Object.entries(OPTIONS))
    if (files === "honoured") assert.ok(text.includes(`\`${name}\``), name);
  for (const [, code = ""] of text.matchAll(/`((?:FETCH|MEDIA|REQUEST|DELIVERY|STORE|SERVER)_[A-Z_]+)`/g))
    assert.ok(code in ERROR_CODES || Object.values(STATUS_CODES).includes(code), code);
  for (const code of [...Object.values(ERR_CODES), "NOT_FOUND", "SERVICE_UNAVAILABLE", "PAYLOAD_TOO_LARGE"])
    assert.ok(text.includes(`\`${code}\``), code);
  assert.ok(text.includes(`each channel, 1 to ${MAXIMUM_CHANNELS} of them`));
  assert.ok(text.includes(`${DEFAULT_UPLOAD_LIMITS.totalMs / 1000} s as an upload has`));
});

test("the bounds of callbacks in docs/outside-urls.md and docs/load.md are the defaults", () => {
  const text = page("outside-urls.md");
  const { rows, rowsPerKey, bytes, bytesPerKey } = DEFAULT_CALLBACK_BOUNDS;
  const { retries, retryMs, timeoutMs } = DEFAULT_OUTSIDE_SCHEDULE;
  const [all, one] = [bytes, bytesPerKey].map((value) => `${value / 1024 / 1024} MiB`);
  assert.ok(text.includes(`callbacks that wait, of all, of one key | ${rows}, ${rowsPerKey} |`));
  assert.ok(text.includes(`their bytes, of all, of one key | ${all}, ${one} |`));
  assert.ok(
    text.includes(`in ${timeoutMs / 1000} s, is tried again after ${retryMs / 1000} s, ${retries} times`),
  );
  assert.ok(page("load.md").includes(`${rows}, ${rowsPerKey} of one key; ${all}, ${one} of one key`));
});
