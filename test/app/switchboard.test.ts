import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Committer } from "../../src/app/committer.ts";
import type { Line } from "../../src/app/config.ts";
import { Switchboard, type SwitchboardOptions } from "../../src/app/switchboard.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { Store } from "../../src/store/store.ts";
import type { TranscriptPartial } from "../../src/transcript/partial.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { WatchedCounters } from "../base/watched-counters.ts";
import { LoudnessDetector, packetsOf, ScriptedRecogniser, soundOf } from "../call/fakes.ts";
import { say, send, settle } from "../call/rig.ts";
import { temporaryStore } from "../store/sample.ts";

const LINE: Line = {
  number: "+15550100200",
  mode: "start",
  tracks: ["inbound", "outbound"],
  labels: { inbound: "caller", outbound: "agent" },
  language: "en",
  announcement: null,
  then: { dial: "+15550109999" },
  overloadMessage: "",
  endpoint: "http://127.0.0.1:9/hook",
  endpointer: PROFILES.phone,
  endpointMs: 400,
};
const ANY: Line = { ...LINE, number: "*", mode: "connect", tracks: ["inbound"], then: null };

class Recogniser extends ScriptedRecogniser {
  pendingSeconds = 0;
  language(): string {
    return "en";
  }
}

function boardOf(
  t: TestContext,
  options: Partial<SwitchboardOptions> = {},
  store: Store = temporaryStore(t),
) {
  const counters = new WatchedCounters();
  const recogniser = new Recogniser();
  const wired = { store, logger: silentLogger, counters };
  const board = new Switchboard({
    ...wired,
    config: {
      lines: new Map([LINE, ANY].map((line) => [line.number, line])),
      endpointer: PROFILES.phone,
      endpointMs: 400,
      limits: { calls: 2, backlogSeconds: 60, recoverMs: 10_000, drainMs: 1000 },
    },
    detector: new LoudnessDetector(),
    recogniser,
    committer: new Committer({ ...wired, onCommitted() {} }),
    restartStream: null,
    closeStream() {},
    ...options,
  });
  t.after(() => board.endAll("shutdown"));
  const answer = (callSid: string, entry: Line = LINE) =>
    board.callAnswered({ callSid, accountSid: "AC1", from: "+15550100123", to: entry.number, entry });
  const open = (callSid: string, streamSid = "MZ1") =>
    board.openStream({
      callSid,
      streamSid,
      accountSid: "AC1",
      tracks: ["inbound", "outbound"],
      parameters: {},
      startedAt: Date.now(),
    });
  const types = (callSid: string) => store.events(callSid).map(({ type }) => type);
  return { board, counters, recogniser, store, answer, open, types };
}

test("a number is found by itself, else by the star, else not at all", (t) => {
  const { board } = boardOf(t);
  assert.equal(board.findNumber("+15550100200"), LINE);
  assert.equal(board.findNumber("+15550199999"), ANY);
  const { board: strict } = boardOf(t, {
    config: {
      lines: new Map([[LINE.number, LINE]]),
      endpointer: PROFILES.phone,
      endpointMs: 400,
      limits: { calls: 2, backlogSeconds: 60, recoverMs: 0, drainMs: 0 },
    },
  });
  assert.equal(strict.findNumber("+15550199999"), null);
});

test("a call is known while it goes on and when it has ended, and no other", async (t) => {
  const { board, answer } = boardOf(t);
  assert.equal(board.hasCall("CA1"), false);
  answer("CA1");
  assert.equal(board.hasCall("CA1"), true);
  await board.endAll("shutdown");
  assert.deepEqual([board.active, board.hasCall("CA1"), board.hasCall("CA2")], [0, true, false]);
});

test("the silences that show and that end an utterance are those of the number", async (t) => {
  const partials: TranscriptPartial[] = [];
  const { recogniser, answer, open } = boardOf(t, { onPartial: (partial) => partials.push(partial) });
  const pause = soundOf(4000, [
    { startMs: 500, endMs: 1000 },
    { startMs: 1600, endMs: 2100 },
  ]);
  const heard = async (callSid: string, silenceMs: number, endpointMs: number) => {
    answer(callSid, { ...ANY, endpointer: { ...PROFILES.phone, silenceMs }, endpointMs });
    const stream = open(callSid);
    assert.ok(stream);
    for (const packet of packetsOf(pause)) {
      send(stream, [packet]);
      await settle();
    }
    const finals = recogniser.asked.splice(0).filter(({ priority }) => priority === "final");
    const endpoints = partials.splice(0).filter(({ endpoint }) => endpoint);
    return [finals.length, endpoints.length];
  };
  assert.deepEqual(await heard("CA1", 480, 320), [2, 2]);
  assert.deepEqual(await heard("CA2", 1200, 640), [1, 1]);
});

test("calls beyond the limit are not admitted, those that were stay so, and an end makes room", async (t) => {
  const { board, counters, answer } = boardOf(t);
  answer("CA1");
  answer("CA2");
  assert.equal(board.admit("CA3"), "overloaded");
  assert.equal(board.admit("CA1"), "accepted");
  assert.equal(counters.get("calls.overloaded"), 1);
  board.callStatus("CA1", "in-progress");
  assert.equal(board.active, 2);
  board.callStatus("CA1", "completed");
  await counters.reach("calls.ended", 1);
  assert.equal(board.admit("CA3"), "accepted");
});

test("a recogniser that is far behind, and a store that fails, keep new calls out", async (t) => {
  const store = temporaryStore(t);
  const failing = { fails: true };
  const committer = new Committer({
    store: {
      commit: (...args: Parameters<Store["commit"]>) => {
        if (failing.fails) throw new LinescribeError("STORE_FULL", "no space");
        return store.commit(...args);
      },
    } as Store,
    onCommitted() {},
    logger: silentLogger,
    counters: new WatchedCounters(),
    wait: () => settle(),
  });
  const { board, recogniser, answer, open, types } = boardOf(t, { committer }, store);
  assert.equal(board.admit("CA1"), "accepted");
  recogniser.pendingSeconds = 61;
  assert.equal(board.admit("CA1"), "overloaded");
  assert.equal(board.backlogMs, 61_000);
  recogniser.pendingSeconds = 0;
  answer("CA1");
  open("CA1");
  await settle();
  assert.equal(board.admit("CA2"), "overloaded");
  failing.fails = false;
  await board.endAll("shutdown");
  assert.deepEqual(types("CA1"), ["call.started", "call.ended"]);
});

test("a webhook that is sent again makes neither a second call nor a second start", async (t) => {
  const { board, answer, open, types } = boardOf(t);
  answer("CA1");
  answer("CA1");
  assert.equal(board.active, 1);
  open("CA1")?.end("stream_stopped");
  await board.endAll("shutdown");
  answer("CA1");
  assert.equal(board.active, 0);
  assert.equal(open("CA1"), null);
  assert.deepEqual(types("CA1"), ["call.started", "call.ended"]);
});

test("while draining new calls are not admitted, and the words of live ones are committed", async (t) => {
  const { board, answer, open, types } = boardOf(t);
  answer("CA1");
  const stream = open("CA1");
  assert.ok(stream);
  say(stream, soundOf(2000, [{ startMs: 500, endMs: 1800 }]));
  board.drain();
  assert.equal(board.admit("CA2"), "draining");
  assert.equal(board.admit("CA1"), "accepted");
  await board.endAll("shutdown");
  assert.deepEqual(types("CA1"), ["call.started", "transcript.final", "call.ended"]);
  assert.equal(board.active, 0);
});

test("a start stream that dies is asked for again, up to five times", async (t) => {
  const asked: string[] = [];
  const restartStream = async (callSid: string) => void asked.push(callSid);
  const { board, answer, open, types } = boardOf(t, { restartStream });
  answer("CA1");
  for (let time = 1; time <= 6; time++) open("CA1", `MZ${time}`)?.end("stream_closed");
  assert.equal(asked.length, 5);
  await settle();
  assert.equal(board.active, 0);
  assert.equal(types("CA1").at(-1), "call.ended");
});

test("a start stream that cannot be asked for ends its call, whether for want of a way or by a refusal", async (t) => {
  const refused = async () => {
    throw new LinescribeError("CARRIER_API_FAILED", "no such call");
  };
  for (const restartStream of [null, refused]) {
    const { board, counters, answer, open, store } = boardOf(t, { restartStream });
    answer("CA1");
    open("CA1")?.end("stream_closed");
    await counters.reach("calls.ended", 1);
    const last = store.events("CA1").at(-1);
    assert.ok(last?.type === "call.ended" && last.reason === "stream_closed");
    assert.equal(board.active, 0);
  }
});

test("a store that cannot take the start of a stream costs the call nothing, and takes it later", async (t) => {
  const store = temporaryStore(t);
  const { board, answer, open } = boardOf(t, {}, store);
  answer("CA1");
  t.mock.method(store, "setMediaStart", () => {
    throw new LinescribeError("STORE_FULL", "no space");
  });
  assert.ok(open("CA1"));
  assert.equal(store.call("CA1")?.mediaStartAt, null);
  assert.throws(() => board.saveWatermarks(), { code: "STORE_FULL" });
  t.mock.restoreAll();
  board.saveWatermarks();
  assert.ok(store.call("CA1")?.mediaStartAt);
});

test("a call on a number that is gone from the configuration is taken up and ended", async (t) => {
  const store = temporaryStore(t);
  const before = boardOf(t, {}, store);
  before.answer("CA1");
  before.open("CA1");
  await settle();
  const { board, types } = boardOf(
    t,
    {
      config: {
        lines: new Map(),
        endpointer: PROFILES.phone,
        endpointMs: 400,
        limits: { calls: 2, backlogSeconds: 60, recoverMs: 10_000, drainMs: 0 },
      },
    },
    store,
  );
  assert.equal(board.recover(), 1);
  await board.endAll("shutdown");
  assert.equal(types("CA1").at(-1), "call.ended");
});
