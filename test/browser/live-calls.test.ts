import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  LINES,
  type Line,
  LiveCalls,
  type NewsItem,
  type SnapshotCall,
} from "../../src/browser/live-calls.js";

const line = (utterance: number, text: string, track: "inbound" | "outbound" = "inbound"): Line => ({
  ...{ track, label: "caller", utterance, text },
  ...{ startMs: utterance * 1000, endMs: utterance * 1000 + 800 },
});
const final = (callSid: string, utterance: number, text: string): NewsItem => ({
  type: "transcript.final",
  callSid,
  ...line(utterance, text),
});
const partial = (callSid: string, utterance: number, text: string): NewsItem => ({
  type: "transcript.partial",
  callSid,
  ...line(utterance, text),
});
const call = (callSid: string, more: Partial<SnapshotCall> = {}): SnapshotCall => ({
  ...{ callSid, kind: "call", from: "***1", to: "***2", tracks: [], startedAt: "2026-11-23T10:00:00.000Z" },
  ...{ finals: 0, gaps: 0, mediaMs: 0, lines: [], partials: [] },
  ...more,
});
const textsOf = (calls: LiveCalls, callSid: string) =>
  calls.calls.get(callSid)?.lines.map(({ text }) => text);

test("a snapshot replaces everything, and names what came, changed and went", () => {
  const calls = new LiveCalls();
  assert.deepEqual([...calls.snapshot([call("CA1"), call("CA2")])].sort(), ["CA1", "CA2"]);
  assert.deepEqual([...calls.snapshot([call("CA2"), call("CA3")])].sort(), ["CA1", "CA2", "CA3"]);
  assert.deepEqual([...calls.calls.keys()], ["CA2", "CA3"]);
  assert.equal(calls.calls.get("CA2")?.startedAt, Date.UTC(2026, 10, 23, 10));
});

test("a partial is replaced by the next, and by its final; one that comes after its final is old news", () => {
  const calls = new LiveCalls();
  calls.snapshot([call("CA1")]);
  calls.news([partial("CA1", 1, "Hel"), partial("CA1", 1, "Hello")]);
  assert.equal(calls.calls.get("CA1")?.partials.get("inbound")?.text, "Hello");
  calls.news([final("CA1", 1, "Hello."), partial("CA1", 1, "Hello")]);
  assert.equal(calls.calls.get("CA1")?.partials.size, 0);
  assert.deepEqual(textsOf(calls, "CA1"), ["Hello."]);
  assert.equal(calls.calls.get("CA1")?.finals, 1);
});

test("a call that nobody told of is there, unknown until its start or somebody tells who it is", () => {
  const calls = new LiveCalls();
  calls.news([final("CA9", 1, "Hello."), final("ses_1", 1, "Hi.")]);
  assert.equal(calls.calls.get("CA9")?.known, false);
  assert.equal(calls.calls.get("ses_1")?.kind, "session");
  calls.learn({ callSid: "CA9", from: "***1", to: "***2", tracks: [], startedAt: 5 });
  assert.deepEqual([calls.calls.get("CA9")?.from, calls.calls.get("CA9")?.known], ["***1", true]);
  const timestamp = "2026-11-23T10:00:00.000Z";
  calls.news([{ type: "call.started", callSid: "CA8", from: "a", to: "b", tracks: [], timestamp }]);
  assert.deepEqual(
    [calls.calls.get("CA8")?.known, calls.calls.get("CA8")?.startedAt],
    [true, Date.parse(timestamp)],
  );
});

test("a call that has ended says nothing more, and goes when it is forgotten", () => {
  const calls = new LiveCalls();
  calls.snapshot([call("CA1")]);
  calls.news([partial("CA1", 1, "He"), { type: "call.ended", callSid: "CA1" }, partial("CA1", 2, "No")]);
  assert.deepEqual([calls.calls.get("CA1")?.ended, calls.calls.get("CA1")?.partials.size], [true, 0]);
  calls.forget("CA1");
  assert.deepEqual(
    [...calls.news([{ type: "call.ended", callSid: "CA1" }])],
    [],
    "nobody comes to life by its end",
  );
});

test("whatever the order, lines are by their start, and never more than a page shows", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40 })), (utterances) => {
      const calls = new LiveCalls();
      calls.snapshot([call("CA1")]);
      for (const utterance of utterances) calls.news([final("CA1", utterance, `${utterance}`)]);
      const shown = (textsOf(calls, "CA1") ?? []).map(Number);
      assert.deepEqual(
        shown,
        [...shown].sort((a, b) => a - b),
      );
      assert.equal(shown.length, Math.min(LINES, utterances.length));
      assert.equal(calls.calls.get("CA1")?.finals, utterances.length);
    }),
  );
});
