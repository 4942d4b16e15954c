/**
 * What docs/models.md says of names, codes and limits is what the program does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { configSchema } from "../../src/app/config-schema.ts";
import { ERROR_CODES } from "../../src/base/codes.ts";
import { SHORT_NAMES } from "../../src/hub/name.ts";

const page = readFileSync(path.resolve(import.meta.dirname, "../../docs/models.md"), "utf8");

test("the short names of docs/models.md are those that are known, with their repositories", () => {
  const rows = [...page.matchAll(/^\| `([\w.-]+)` \| `([\w.-]+\/[\w.-]+)` \|$/gm)];
  assert.deepEqual(Object.fromEntries(rows.map(([, name, repository]) => [name, repository])), SHORT_NAMES);
});

test("docs/models.md explains every code of hubs and models, and no other", () => {
  const table = page.slice(page.indexOf("### What can go wrong"));
  const told = [...table.matchAll(/`((?:HUB|MODEL)_[A-Z_]+)`/g)].map(([, code]) => code as string);
  const known = Object.keys(ERROR_CODES).filter((code) => /^(HUB|MODEL)_/.test(code));
  assert.deepEqual([...new Set(told)].sort(), known.sort());
});

test("the defaults of docs/models.md are those of the configuration", () => {
  const { models, hub, asr } = configSchema.parse({});
  for (const [setting, value] of Object.entries({ models, hub, "asr.model": asr.model }))
    assert.match(page, new RegExp(`\\| \`${setting}\` \\| \`\\w+\` \\| \`${value}\` \\|`), setting);
});
