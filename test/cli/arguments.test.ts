import assert from "node:assert/strict";
import { test } from "node:test";
import {
  duration,
  id,
  keyId,
  keyIds,
  keyName,
  port,
  scopes,
  selection,
  since,
  speed,
  until,
} from "../../src/cli/arguments.ts";

const command = {
  error(message: string): never {
    throw new Error(message);
  },
};

test("numbers are whole, in range and nothing else", () => {
  assert.equal(port("8080"), 8080);
  for (const text of ["-1", "65536", "1e3", "0x50", "", " 80"]) assert.throws(() => port(text), /Expected/);
  assert.deepEqual(id("7", id("3")), [3, 7]);
});

test("speed is a number above 0 or max", () => {
  assert.deepEqual([speed("max"), speed("1"), speed("2.5")], ["max", 1, 2.5]);
  for (const text of ["0", "-1", "fast", "1e9", "Infinity", ""]) assert.throws(() => speed(text), /Expected/);
});

test("since is a date or how long ago", () => {
  assert.equal(since("2026-11-22T10:00Z"), Date.UTC(2026, 10, 22, 10));
  const from = since("12h");
  const hours = (Date.now() - from) / 3_600_000;
  assert.ok(hours >= 12 && hours < 12.1);
  for (const text of ["yesterday", "12", "3w", "5"]) assert.throws(() => since(text), /Expected/);
});

test("a time to come is a date after now or how long from now", () => {
  assert.equal(until("2999-11-22"), Date.UTC(2999, 10, 22));
  const days = (until("90d") - Date.now()) / 86_400_000;
  assert.ok(days > 89.9 && days <= 90);
  for (const text of ["2020-01-01", "0d", "yesterday", "12", ""])
    assert.throws(() => until(text), /Expected/, text);
});

test("a duration is 0, or minutes, hours or days", () => {
  assert.deepEqual(["0", "30m", "24h", "7d"].map(duration), [0, 1_800_000, 86_400_000, 604_800_000]);
  for (const text of ["-1", "5", "1w", "forever", ""]) assert.throws(() => duration(text), /Expected/, text);
});

test("scopes are known and named once, and come in one order", () => {
  assert.deepEqual(scopes("admin,transcribe"), ["transcribe", "admin"]);
  for (const text of ["everything", "read,read", "read,", "", "Read"])
    assert.throws(() => scopes(text), /Expected/, text);
});

test("a key is named by its public half alone, and never by itself", () => {
  assert.equal(keyId("abcdefg2"), "abcdefg2");
  assert.deepEqual(keyIds("bbbbbbbb", keyIds("aaaaaaaa", keyIds("bbbbbbbb"))), ["aaaaaaaa", "bbbbbbbb"]);
  for (const text of [`ls_abcdefgh_${"x".repeat(43)}`, "ABCDEFGH", "abc", ""])
    assert.throws(() => keyId(text), /Expected/, text);
  assert.equal(keyName("  My app "), "My app");
  for (const text of [" ", "x".repeat(101)]) assert.throws(() => keyName(text), /Expected/);
});

test("a retry takes ids, --all or --since, and only one of them", () => {
  assert.deepEqual(selection([1, 2], {}, command), { ids: [1, 2] });
  assert.deepEqual(selection(undefined, { all: true }, command), { all: true });
  assert.deepEqual(selection([], { since: 0 }, command), { since: 0 });
  for (const [ids, options] of [
    [[], {}],
    [[1], { all: true }],
    [[], { all: true, since: 5 }],
  ] as const) {
    assert.throws(() => selection(ids, options, command), /only one/);
  }
});
