import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { uncoveredBetween } from "../../src/store/recovery.ts";
import { openStore } from "../../src/store/store.ts";
import { ended, final, gap, press, sampleCall, started, temporaryFile } from "./sample.ts";

test("after a crash the open calls are found, with the numbers to go on with and the media nobody vouches for", (t) => {
  const file = temporaryFile(t);
  const store = openStore({ path: file });
  store.openCall(sampleCall("CA1"));
  store.openCall(sampleCall("CA2", { endpoint: null, tracks: [{ track: "inbound", label: "x" }] }));
  store.openCall(sampleCall("CA3"));
  store.setMediaStart("CA1", 5000);
  store.commit("CA3", [started(), ended()]);
  store.saveWatermarks([
    { callSid: "CA1", track: "inbound", mediaMs: 9000, settledMs: 900 },
    { callSid: "CA1", track: "outbound", mediaMs: 9000, settledMs: 9000 },
  ]);
  // Utterances 1 and 3 are recognised, the packet loss is known, utterance 2 is still with the recogniser.
  store.commit("CA1", [
    started(),
    final(1),
    final(3),
    gap(1, 4000, 4200),
    press(1),
    press(2),
    final(7, "outbound"),
  ]);
  store.close();

  const again = openStore({ path: file });
  t.after(() => again.close());
  const [first, second, ...others] = again.unfinishedCalls();
  assert.deepEqual(others, []);
  assert.deepEqual(first, {
    callSid: "CA1",
    kind: "call",
    to: "+15550100001",
    from: "+15550100002",
    mode: "start",
    endpoint: "http://127.0.0.1:9/hook",
    startedAt: 1_700_000_000_000,
    mediaStartAt: 5000,
    endedAt: null,
    lastSequence: 7,
    started: true,
    finals: 3,
    gaps: 1,
    nextPress: 3,
    tracks: [
      {
        track: "inbound",
        label: "caller",
        mediaMs: 9000,
        settledMs: 900,
        finals: 2,
        gaps: 1,
        nextUtterance: 4,
        nextGap: 2,
        uncovered: [
          { startMs: 900, endMs: 1000 },
          { startMs: 1500, endMs: 3000 },
          { startMs: 3500, endMs: 4000 },
          { startMs: 4200, endMs: 9000 },
        ],
      },
      {
        track: "outbound",
        label: "agent",
        mediaMs: 9000,
        settledMs: 9000,
        finals: 1,
        gaps: 0,
        nextUtterance: 8,
        nextGap: 1,
        uncovered: [],
      },
    ],
  });
  assert.equal(second?.callSid, "CA2");
  assert.equal(second?.started, false);
  assert.equal(second?.nextPress, 1);
});

test("watermarks never move back, and a committed event moves the media forward but not what is settled", (t) => {
  const store = openStore({ path: temporaryFile(t) });
  t.after(() => store.close());
  store.openCall(sampleCall("CA1", { tracks: [{ track: "inbound", label: "caller" }] }));
  store.saveWatermarks([{ callSid: "CA1", track: "inbound", mediaMs: 2000.5, settledMs: 800 }]);
  store.saveWatermarks([{ callSid: "CA1", track: "inbound", mediaMs: 1500, settledMs: 700 }]);
  store.saveWatermarks([]);
  store.commit("CA1", [final(3)]);
  const [track] = store.unfinishedCalls()[0]?.tracks ?? [];
  assert.equal(track?.mediaMs, 3500);
  assert.equal(track?.settledMs, 800);
  assert.deepEqual(track?.uncovered, [{ startMs: 800, endMs: 3000 }]);
  assert.throws(
    () => store.saveWatermarks([{ callSid: "CA1", track: "inbound", mediaMs: Number.NaN, settledMs: 0 }]),
    RangeError,
  );
});

test("what is uncovered and what is covered are together the whole span, without overlap", () => {
  const moment = fc.integer({ min: 0, max: 60 });
  const interval = fc
    .tuple(moment, moment)
    .map(([a, b]) => ({ startMs: Math.min(a, b), endMs: Math.max(a, b) }));
  fc.assert(
    fc.property(interval, fc.array(interval), (span, intervals) => {
      const covered = intervals.sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);
      const holes = uncoveredBetween(span.startMs, span.endMs, covered);
      const lies = (list: typeof holes, ms: number) =>
        list.filter((i) => i.startMs <= ms && ms < i.endMs).length;
      for (let ms = 0; ms <= 60; ms += 1) {
        const expected = lies([span], ms) === 1 && lies(covered, ms) === 0 ? 1 : 0;
        assert.equal(lies(holes, ms), expected, `at ${ms} ms`);
      }
    }),
  );
});
