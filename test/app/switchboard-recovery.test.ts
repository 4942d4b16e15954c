import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Committer } from "../../src/app/committer.ts";
import type { Line } from "../../src/app/config.ts";
import { Switchboard } from "../../src/app/switchboard.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { Store } from "../../src/store/store.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { ScriptedRecogniser } from "../call/fakes.ts";
import { temporaryStore } from "../store/sample.ts";

const callSid = "CA00000000000000000000000000000001";
const START_AT = 1_700_000_000_000;
const CALL = { callSid, accountSid: "AC1", from: "+15550100123", to: "+15550100100" };
const LIMITS = { recoverMs: 1000, statusGraceMs: 500, streamWaitMs: 60_000, minimumGapMs: 400 };

const LINE: Line = {
  number: "*",
  mode: "connect",
  tracks: ["inbound"],
  labels: { inbound: "caller", outbound: "agent" },
  language: "en",
  announcement: null,
  then: null,
  overloadMessage: "",
  endpoint: null,
  endpointer: PROFILES.phone,
  endpointMs: 400,
};

/** A switchboard over a real store, without a detector that hears anything. */
function switchboardOf(store: Store, now: () => number): Switchboard {
  const counters = new Counters();
  const wired = { store, logger: silentLogger, counters };
  return new Switchboard({
    ...wired,
    config: {
      lines: new Map([["*", LINE]]),
      endpointer: PROFILES.phone,
      endpointMs: 400,
      limits: { calls: 10, backlogSeconds: 60, recoverMs: LIMITS.recoverMs, drainMs: 1000 },
    },
    detector: { open: () => ({ push() {}, end: async () => {}, close() {}, pendingFrames: 0 }) },
    recogniser: Object.assign(new ScriptedRecogniser(), { language: () => "en", pendingSeconds: 0 }),
    committer: new Committer({ ...wired, onCommitted() {} }),
    restartStream: null,
    closeStream() {},
    now,
    callLimits: LIMITS,
  });
}

function openStream(board: Switchboard, streamSid: string, startedAt: number) {
  const stream = { callSid, streamSid, accountSid: "AC1", tracks: ["inbound" as const], parameters: {} };
  return board.openStream({ ...stream, startedAt });
}

/** Lets promises run that no timer holds back. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function begin(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const store = temporaryStore(t, { now: () => START_AT });
  const clock = { now: START_AT };
  const board = switchboardOf(store, () => clock.now);
  const reasons = () =>
    store.events(callSid).flatMap((event) => (event.type === "call.ended" ? [event.reason] : []));
  return { store, clock, board, reasons };
}

test("what the carrier tells of a stream that died does not end the stream that took its place", async (t) => {
  const { board, reasons } = begin(t);
  board.callAnswered({ ...CALL, entry: LINE });
  openStream(board, "MZ1", START_AT)?.end("stream_closed");
  openStream(board, "MZ2", START_AT + 800);
  board.streamStatus(callSid, "MZ1", "stream-error");
  t.mock.timers.tick(LIMITS.statusGraceMs);
  await settle();
  assert.deepEqual(reasons(), []);
  board.streamStatus(callSid, "MZ2", "stream-stopped");
  t.mock.timers.tick(LIMITS.statusGraceMs);
  await settle();
  assert.deepEqual(reasons(), ["stream_status"]);
});

test("a call that was answered when the server died still waits for its first stream", async (t) => {
  const { store, clock, board, reasons } = begin(t);
  board.callAnswered({ ...CALL, entry: LINE });
  clock.now += 5000;
  const next = switchboardOf(store, () => clock.now);
  assert.equal(next.recover(), 1);
  t.mock.timers.tick(LIMITS.recoverMs);
  await settle();
  assert.deepEqual(reasons(), []);
  assert.ok(openStream(next, "MZ1", clock.now));
  await next.endAll("shutdown");
  assert.deepEqual(
    store.events(callSid).map(({ type }) => type),
    ["call.started", "call.ended"],
  );
});

test("what a crash took and the time until the restart are one gap, with its track and label", async (t) => {
  const { store, clock, board, reasons } = begin(t);
  board.callAnswered({ ...CALL, entry: LINE });
  openStream(board, "MZ1", START_AT);
  store.saveWatermarks([{ callSid, track: "inbound", mediaMs: 4000, settledMs: 1500 }]);
  await settle();
  clock.now += 9000;
  const next = switchboardOf(store, () => clock.now);
  next.recover();
  t.mock.timers.tick(LIMITS.recoverMs);
  await settle();
  const gaps = store.events(callSid).filter(({ type }) => type === "transcript.gap");
  assert.deepEqual(
    gaps.map((gap) => ({ ...gap, id: "", timestamp: "", sequence: 0 })),
    [
      {
        ...{ type: "transcript.gap", version: 1, id: "", callSid, sequence: 0, timestamp: "" },
        ...{ track: "inbound", label: "caller", gap: 1, startMs: 1500, endMs: 9000, cause: "crash" },
      },
    ],
  );
  assert.deepEqual(reasons(), ["crash"]);
});
