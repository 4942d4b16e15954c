import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecognitionRequest } from "../../src/call/ports.ts";
import { packetsOf, ScriptedRecogniser, soundOf } from "./fakes.ts";
import { callOf, finalsOf, send, settle } from "./rig.ts";

/** Remembers the hints of everything that it is asked. */
class HintedRecogniser extends ScriptedRecogniser {
  readonly hints: { priority: string; hints: readonly string[] | undefined }[] = [];

  override submit(request: RecognitionRequest) {
    this.hints.push({ priority: request.priority, hints: request.hints });
    return super.submit(request);
  }
}

const SOUND = soundOf(5000, [
  { startMs: 500, endMs: 2500 },
  { startMs: 3050, endMs: 3500 },
]);

/** A call of one utterance whose stream brings `parameters`. */
async function hintsOf(parameters: Record<string, string>, ofNumber?: readonly string[]) {
  const recogniser = new HintedRecogniser();
  const rig = callOf({ recogniser, hints: ofNumber, onPartial: () => {} });
  const stream = rig.open(["inbound"], parameters);
  for (const packet of packetsOf(SOUND)) {
    send(stream, [packet]);
    await settle();
  }
  await rig.call.end("stream_stopped");
  return { ...rig, asked: recogniser.hints };
}

test("partials, speculation and finals are all told the hints of the call and of its number", async () => {
  const { asked, events } = await hintsOf({ hints: "Alice Johnson, Bob", other: "x" }, ["Contoso", "Bob"]);
  assert.deepEqual([...new Set(asked.map(({ priority }) => priority))].sort(), ["partial", "speculative"]);
  for (const { hints } of asked) assert.deepEqual(hints, ["Alice Johnson", "Bob", "Contoso"]);
  assert.equal(finalsOf(events).length, 1);
});

test("without hints of its own a call has its number's, the same list for all calls", async () => {
  const ofNumber = ["Contoso"];
  const { asked } = await hintsOf({}, ofNumber);
  assert.ok(asked.length > 0);
  for (const { hints } of asked) assert.equal(hints, ofNumber);
});

test("hints that are not usable are left out and counted, and the call goes on with its number's", async () => {
  for (const bad of [
    "Al\u0000ice",
    "x".repeat(101),
    Array.from({ length: 1001 }, (_, n) => `n${n}`).join(),
  ]) {
    const { asked, counters, events } = await hintsOf({ hints: bad }, ["Contoso"]);
    assert.equal(counters.get("call.hintsRefused"), 1);
    assert.equal(finalsOf(events).length, 1);
    for (const { hints } of asked) assert.deepEqual(hints, ["Contoso"]);
  }
});

test("a stream that takes the place of another brings its own hints", async () => {
  const recogniser = new HintedRecogniser();
  const rig = callOf({ recogniser });
  rig.open(["inbound"], { hints: "Alice" }).end("stream_closed");
  const stream = rig.open(["inbound"], { hints: "Bob" });
  send(stream, packetsOf(SOUND));
  await rig.call.end("stream_stopped");
  assert.ok(recogniser.hints.length > 0);
  for (const { hints } of recogniser.hints) assert.deepEqual(hints, ["Bob"]);
});
