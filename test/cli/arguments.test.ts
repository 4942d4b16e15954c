import assert from "node:assert/strict";
import { test } from "node:test";
import { id, port, selection, since, speed } from "../../src/cli/arguments.ts";

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
