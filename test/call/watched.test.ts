import assert from "node:assert/strict";
import { test } from "node:test";
import { whileWatched } from "../../src/call/watched.ts";
import { ScriptedRecogniser } from "./fakes.ts";

test("there is time for partials only while somebody watches, and for finals always", () => {
  const recogniser = new ScriptedRecogniser();
  let watched = false;
  const shown = whileWatched(recogniser, () => watched);
  assert.equal(shown.partialIntervalMs, null);
  assert.equal(shown.headStartMs(1000), recogniser.headStartMs());
  watched = true;
  assert.notEqual(recogniser.partialIntervalMs, null);
  assert.equal(shown.partialIntervalMs, recogniser.partialIntervalMs);
});
