/**
 * Sessions of several channels, and what is told of their utterances.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ToldUtterance } from "../../src/session/speech-track.ts";
import type { Track } from "../../src/transcript/event.ts";
import { endpointerOptions } from "../../src/vad/profile.ts";
import { splitAt } from "../audio/split.ts";
import { bytesOf, sessionsOf, toneOf } from "./rig.ts";

const LEFT = toneOf(4000, [{ startMs: 500, endMs: 1500 }]);
const RIGHT = toneOf(4000, [{ startMs: 2600, endMs: 3300 }]);
const STEREO = bytesOf(
  Float32Array.from({ length: 2 * LEFT.length }, (_, at) => (at % 2 ? RIGHT : LEFT)[at >> 1] as number),
  { encoding: "s16" },
);
const FORMAT = { encoding: "s16", sampleRateHz: 16_000, channels: 2 } as const;

test("separate channels are tracks of their own, whatever the split", async (t) => {
  const sizes = fc.array(fc.integer({ min: 1, max: 30_001 }), { minLength: 2, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(sizes, async (parts) => {
      const { open, store } = sessionsOf(t);
      const { session, told } = open({ format: { ...FORMAT, separate: true } });
      for (const part of splitAt(STEREO, parts)) session.push(part);
      assert.deepEqual([session.samples, session.receivedMs, session.restBytes], [64_000, 4000, 0]);
      await session.end("stream_stopped");
      const finals = told.events.flatMap((event) =>
        event.type === "transcript.final"
          ? [[event.track, event.label, event.utterance, Math.round(event.startMs / 500)]]
          : [],
      );
      assert.deepEqual(finals.sort(), [
        ["inbound", "channel 0", 1, 0],
        ["outbound", "channel 1", 1, 5],
      ]);
      assert.deepEqual(store.call(session.id)?.tracks, [
        { track: "inbound", label: "channel 0" },
        { track: "outbound", label: "channel 1" },
      ]);
    }),
    { numRuns: 6 },
  );
});

test("channels that are not separate are heard as one", async (t) => {
  const { open } = sessionsOf(t);
  const { session, told } = open({ format: FORMAT });
  session.push(STEREO);
  await session.end("stream_stopped");
  const tracks = told.events.flatMap((event) => ("utterance" in event ? [event.track] : []));
  assert.deepEqual(tracks, ["inbound", "inbound"]);
});

test("a frame that is cut between its channels has bytes left over", async (t) => {
  const { open } = sessionsOf(t);
  const { session } = open({ format: { ...FORMAT, separate: true } });
  session.push(STEREO.subarray(0, 4003));
  assert.equal(session.restBytes, 3);
  session.forgetRest();
  assert.equal(session.restBytes, 0);
  await session.end("stream_stopped");
});

test("the watermark of each track says how far it has come", async (t) => {
  const { open, sessions, recogniser } = sessionsOf(t);
  recogniser.holding = true;
  const { session } = open({ format: { ...FORMAT, separate: true }, partials: false });
  session.push(STEREO);
  const [left, right] = session.progress();
  assert.ok(left && right && left.settledMs < 500 && right.settledMs > 2000, JSON.stringify([left, right]));
  assert.equal(session.settledMs, left.settledMs);
  sessions.saveWatermarks();
  for (const { resolve } of recogniser.asked) resolve();
  const ended = session.end("stream_stopped");
  for (const { resolve } of recogniser.asked) resolve();
  await ended;
});

test("an utterance is told of after its final, with what ended it", async (t) => {
  const { open, recogniser } = sessionsOf(t);
  const order: string[] = [];
  const ends: (ToldUtterance & { track: Track })[] = [];
  const endpointer = endpointerOptions("pcm", { maximumUtteranceMs: 6000 });
  const { session } = open({ chunking: { mode: "vad", endpointer }, partials: false });
  session.tell({
    onEvent: (event) => order.push(event.type),
    onUtterance: (utterance) => {
      order.push(utterance.endedBy);
      ends.push(utterance);
    },
  });
  const speech = [
    { startMs: 500, endMs: 9000 },
    { startMs: 12_000, endMs: 13_000 },
  ];
  session.push(bytesOf(toneOf(13_000, speech), { encoding: "float32" }));
  await session.flush();
  assert.deepEqual(order.splice(0), [
    "call.started",
    "transcript.final",
    "length",
    "transcript.final",
    "silence",
    "transcript.final",
    "flush",
  ]);
  assert.deepEqual(
    ends.map(({ utterance }) => utterance),
    [1, 2, 3],
  );
  recogniser.holding = true;
  session.push(bytesOf(toneOf(2000, [{ startMs: 500, endMs: 1200 }]), { encoding: "float32" }));
  for (const { resolve } of recogniser.asked) resolve({ text: "" });
  await session.end("stream_stopped");
  // Without a word there is no final, and the end is told all the same.
  assert.deepEqual(order, ["silence", "call.ended"]);
});
