/**
 * docs/access.md and docs/outside-urls.md say what the program does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { REFUSALS } from "../../src/access/refusal.ts";
import { loadConfig } from "../../src/app/config.ts";
import { ERROR_CODES } from "../../src/base/codes.ts";
import { STANDARD_PORTS } from "../../src/fetch/fetcher.ts";

const page = (name: string): string =>
  readFileSync(path.resolve(import.meta.dirname, "../../docs", name), "utf8");

const { access, fetch } = loadConfig({
  file: null,
  environment: {},
  overrides: { insecure: true, host: "127.0.0.1" },
});

test("docs/access.md lists every refusal with its status, and no other", () => {
  const rows = [...page("access.md").matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \| (yes)? ?\| .+ \|$/gm)].map(
    ([, code, status]) => [code, { status: Number(status) }],
  );
  assert.deepEqual(Object.fromEntries(rows), REFUSALS);
  for (const code of Object.keys(ERROR_CODES).filter((name) => name.startsWith("ACCESS_")))
    assert.ok(code in REFUSALS, code);
});

test("docs/access.md lists every limit with its default", () => {
  const rows = [...page("access.md").matchAll(/^\| `([a-z]\w+)` \| (\d+) \| /gm)];
  assert.deepEqual(Object.fromEntries(rows.map(([, name, value]) => [name, Number(value)])), access.limits);
  assert.match(
    page("access.md"),
    new RegExp(`maximumSessionMs\` \\(${access.maximumSessionMs}, one hour\\)`),
  );
});

test("docs/outside-urls.md lists every code of a fetch, its ports and its number at once", () => {
  const text = page("outside-urls.md");
  const codes = new Set([...text.matchAll(/`(FETCH_[A-Z_]+)`/g)].map(([, code]) => code));
  const expected = Object.keys(ERROR_CODES).filter((code) => code.startsWith("FETCH_"));
  assert.deepEqual([...codes].sort(), expected.sort());
  assert.ok(text.includes(`\`fetch.ports\` (${fetch.ports.join(", ")})`));
  assert.ok(text.includes(`\`fetch.connections\` (${fetch.connections})`));
  assert.deepEqual(fetch.ports, STANDARD_PORTS);
});

test("docs/pages.md says how long a login may last, and names codes that exist", () => {
  const text = page("pages.md");
  assert.ok(text.includes(`\`access.login.maximumMs\` | ${access.login.maximumMs} ms, a week`));
  assert.ok(text.includes(`\`access.login.idleMs\` | ${access.login.idleMs} ms, 12 hours`));
  for (const [, code] of text.matchAll(/`((?:ACCESS|REQUEST)_[A-Z_]+)`/g))
    assert.ok(code && code in ERROR_CODES, code);
});
