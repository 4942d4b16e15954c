import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ERROR_CODES } from "../../src/base/codes.ts";

test("every code of the table is used somewhere, is ROOM_PROBLEM, and says one thing to an operator", () => {
  const root = path.resolve(import.meta.dirname, "../../src");
  const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && file !== path.join("base", "codes.ts"))
    .map((file) => readFileSync(path.join(root, file), "utf8"))
    .join("\n");
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    assert.match(code, /^[A-Z]+(_[A-Z]+)+$/);
    assert.ok(sources.includes(`"${code}"`), `${code} is used nowhere`);
    assert.match(meaning, /^[A-Z].*[^.]$/s, code);
  }
  assert.equal(new Set(Object.values(ERROR_CODES)).size, Object.keys(ERROR_CODES).length);
});
