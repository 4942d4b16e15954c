import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { EngineCalls } from "../../bench/gpu/engine-calls.ts";
import { Counters } from "../../src/base/counters.ts";

const COUNTED = ["asr.workersLost", "asr.timeouts", "asr.cardsLost"];

test("a worker or a card that was lost within a rung and came back counts as lost, in that rung alone", async () => {
  const counters = new Counters();
  const engine = { recogniser: { fallenBack: false } } as never;
  const config = {} as never;
  const calls = new EngineCalls({
    engine,
    counters,
    config,
    clips: [],
    callMs: 0,
    wordless: true,
    card: null,
  });
  for (const name of COUNTED) {
    const rung = calls.measure(0, "partials");
    counters.add(name);
    assert.equal((await rung).lost, 1, name);
    assert.equal((await calls.measure(0, "partials")).lost, 0, name);
  }
});

test("what is counted as lost is what the engine counts", () => {
  const folder = path.resolve(import.meta.dirname, "../../src/asr");
  const source = readdirSync(folder)
    .map((name) => readFileSync(path.join(folder, name), "utf8"))
    .join("");
  for (const name of COUNTED) assert.ok(source.includes(`counters.add("${name}")`), name);
});
