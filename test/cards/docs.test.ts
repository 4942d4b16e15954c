/**
 * What docs/gpu.md says is what the program does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { asrSchema } from "../../src/app/config-asr.ts";
import { VARIABLES } from "../../src/app/environment.ts";
import { ERROR_CODES } from "../../src/base/codes.ts";
import { neededBytes } from "../../src/cards/inspection.ts";

const page = readFileSync(path.resolve(import.meta.dirname, "../../docs/gpu.md"), "utf8");

test("the table of docs/gpu.md has every code with which cards fail to start, and no other", () => {
  const told = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code as string);
  const codes = Object.keys(ERROR_CODES).filter((code) =>
    /^CARD_|WRONG_DEVICE|ASR_OUT_OF_MEMORY|ASR_TIMEOUT/.test(code),
  );
  assert.deepEqual(told.toSorted(), codes.toSorted());
});

test("the settings of docs/gpu.md are there, with their variables and defaults", () => {
  const defaults: Record<string, unknown> = asrSchema.parse({});
  const rows = [...page.matchAll(/^\| `asr\.(\w+)` \| `(\w+)` \| `?([\w-]+)`? \|/gm)];
  assert.equal(rows.length, 4);
  for (const [, name, variable, standard] of rows) {
    assert.deepEqual(VARIABLES[variable as string]?.path, ["asr", name]);
    const missing = { cards: "all", cudaModel: "none" }[name as string];
    assert.equal(standard, missing ?? defaults[name as string], name);
  }
  assert.match(page, /size of the model's file and 1\.5 GiB/);
  assert.equal(neededBytes(7), 7 + 1.5 * 2 ** 30);
});
