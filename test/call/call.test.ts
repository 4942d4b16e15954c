import assert from "node:assert/strict";
import { test } from "node:test";
import { LinescribeError } from "../../src/base/error.ts";
import type { CallMemory } from "../../src/call/call-options.ts";
import type { EventDraft } from "../../src/transcript/event.ts";
import { packetsOf, soundOf } from "./fakes.ts";
import { callOf, finalsOf, LIMITS, START_AT, say, send, settle, shortly } from "./rig.ts";

const ONE = [{ startMs: 500, endMs: 1500 }];
const SOUND = soundOf(3000, ONE);
const BOTH = [
  { track: "inbound", label: "caller" },
  { track: "outbound", label: "agent" },
] as const;

const gapsOf = (events: readonly EventDraft[]) =>
  events.flatMap((event) => (event.type === "transcript.gap" ? [event] : []));

test("the start of a call tells its facts, its parameters and its announcement", async () => {
  const { events, did, open } = callOf({ mode: "start", tracks: BOTH });
  open(["inbound"], { tenant: "7" });
  await settle();
  assert.deepEqual(events, [
    {
      type: "call.started",
      from: "+15550100123",
      to: "+15550100100",
      mode: "start",
      tracks: BOTH,
      language: "en-US",
      announcement: "This call is transcribed.",
      parameters: { tenant: "7" },
    },
  ]);
  assert.deepEqual(did.mediaStart, [START_AT]);
});

test("tracks are kept apart, and one that the call does not have is left out", async () => {
  const { call, events, open } = callOf({ tracks: [BOTH[1]] });
  const stream = open(["inbound", "outbound"]);
  say(stream, SOUND, { track: "inbound" });
  say(stream, soundOf(3000, [{ startMs: 1000, endMs: 1400 }]), { track: "outbound" });
  await call.end("stream_stopped");
  assert.deepEqual(
    finalsOf(events).map(({ track, label }) => [track, label]),
    [["outbound", "agent"]],
  );
});

test("finals are committed in the order of speech, however the recogniser finishes", async () => {
  const { call, events, recogniser, open } = callOf();
  recogniser.holding = true;
  const speech = [0, 1, 2].map((index) => ({ startMs: 500 + index * 2000, endMs: 1000 + index * 2000 }));
  say(open(), soundOf(7000, speech));
  assert.equal(recogniser.asked.length, 3);
  const [first, second, third] = recogniser.asked;
  third?.resolve({ text: "three" });
  second?.resolve({ text: "two" });
  await settle();
  assert.deepEqual(shortly(events), ["started"]);
  assert.ok((call.progress()[0]?.settledMs ?? 0) < 500, "the first is still open");
  first?.resolve({ text: "one" });
  await call.end("stream_stopped");
  assert.deepEqual(
    finalsOf(events).map(({ text, utterance }) => `${utterance} ${text}`),
    ["1 one", "2 two", "3 three"],
  );
});

test("an utterance without words, or made of nothing, is no final, and its number stays free", async () => {
  const { call, events, recogniser, counters, open } = callOf();
  recogniser.holding = true;
  const speech = [0, 1, 2, 3].map((index) => ({ startMs: 500 + index * 2000, endMs: 1000 + index * 2000 }));
  say(open(), soundOf(9000, speech));
  recogniser.asked[0]?.resolve({ text: "" });
  recogniser.asked[1]?.resolve({ text: "Thanks for watching", noSpeech: 0.9, logprob: -1.5 });
  recogniser.asked[2]?.resolve({ text: "yes", noSpeech: 0.9, logprob: -0.2 });
  recogniser.asked[3]?.resolve({ text: "no", noSpeech: 0.1, logprob: -2 });
  await call.end("stream_stopped");
  assert.deepEqual(
    finalsOf(events).map(({ text, utterance, confidence }) => [utterance, text, confidence]),
    [
      [3, "yes", 0.8187],
      [4, "no", 0.1353],
    ],
  );
  assert.equal(counters.get("call.utterancesWithoutWords"), 1);
  assert.equal(counters.get("call.utterancesWithoutSpeech"), 1);
});

test("an utterance that could not be recognised, or had no place, is a gap with its cause", async () => {
  const { call, events, recogniser, open } = callOf();
  recogniser.holding = true;
  const speech = [0, 1, 2].map((index) => ({ startMs: 500 + index * 2000, endMs: 1000 + index * 2000 }));
  say(open(), soundOf(7000, speech));
  recogniser.asked[0]?.reject(new LinescribeError("ASR_WORKER_LOST", "died twice"));
  recogniser.asked[1]?.reject(new LinescribeError("ASR_OVERLOADED", "full"));
  recogniser.asked[2]?.reject(new Error("what nobody foresaw"));
  await call.end("stream_stopped");
  const gaps = gapsOf(events);
  assert.deepEqual(
    gaps.map(({ gap, cause }) => [gap, cause]),
    [
      [1, "not_recognised"],
      [2, "overload"],
      [3, "not_recognised"],
    ],
  );
  for (const [index, { startMs, endMs }] of speech.entries()) {
    assert.ok((gaps[index]?.startMs ?? Infinity) <= startMs && (gaps[index]?.endMs ?? 0) >= endMs);
  }
  assert.match(shortly(events).at(-1) as string, /0 finals, 3 gaps$/);
});

test("audio that never came is a gap from the shortest that counts on", async () => {
  const { call, events, open } = callOf();
  const lost = [
    { startMs: 2000, endMs: 2000 + LIMITS.minimumGapMs - 20 },
    { startMs: 4000, endMs: 4000 + LIMITS.minimumGapMs },
  ];
  const packets = packetsOf(soundOf(6000, ONE)).filter(
    ({ timestampMs }) => !lost.some(({ startMs, endMs }) => timestampMs >= startMs && timestampMs < endMs),
  );
  send(open(), packets);
  await call.end("stream_stopped");
  assert.deepEqual(
    gapsOf(events).map(({ startMs, endMs, cause }) => [startMs, endMs, cause]),
    [[4000, 4400, "not_received"]],
  );
});

test("what a failed detector did not hear is a gap, and what follows is transcribed", async () => {
  const { call, detector, events, open } = callOf();
  const stream = open();
  say(stream, SOUND);
  detector.holding = true;
  say(stream, SOUND, { fromMs: 3000 });
  detector.fail("VAD_OVERLOADED");
  detector.holding = false;
  say(stream, SOUND, { fromMs: 6000 });
  await call.end("stream_stopped");
  const [gap, ...others] = gapsOf(events);
  assert.deepEqual(others, []);
  assert.equal(gap?.cause, "overload");
  assert.ok((gap?.startMs ?? Infinity) <= 3500 && (gap?.endMs ?? 0) >= 4500, JSON.stringify(gap));
  const finals = finalsOf(events);
  assert.equal(finals.length, 2);
  assert.ok((finals[1]?.startMs ?? Infinity) <= 6500 && (finals[1]?.endMs ?? 0) >= 7500);
});

test("a second stream is offset by the wall clock, and the hole between is a gap", async () => {
  const { call, events, clock, did, open } = callOf();
  const first = open();
  say(first, SOUND);
  first.end("stream_closed");
  assert.equal(call.state, "suspended");
  clock.now += 10_000;
  const second = open();
  say(second, SOUND);
  second.end("stream_stopped");
  await call.end("stream_stopped");
  assert.deepEqual(
    gapsOf(events).map(({ startMs, endMs, cause }) => [startMs, endMs, cause]),
    [[3000, 10_000, "not_received"]],
  );
  const [one, two] = finalsOf(events);
  assert.equal((two?.startMs ?? 0) - (one?.startMs ?? 0), 10_000);
  assert.deepEqual(did.mediaStart, [START_AT]);
  assert.equal(events.filter(({ type }) => type === "call.started").length, 1);
  assert.match(shortly(events).at(-1) as string, /13000 ms, 2 finals, 1 gaps$/);
});

test("a second stream of a call that ran ahead of the clock starts where the first ended", async () => {
  const { call, events, clock, open } = callOf();
  const first = open();
  say(first, SOUND);
  first.end("stream_closed");
  clock.now += 100;
  say(open(), SOUND);
  await call.end("shutdown");
  assert.deepEqual(gapsOf(events), []);
  assert.ok((finalsOf(events)[1]?.startMs ?? 0) >= 3000);
});

test("a stream that opens while another seems alive takes its place, and nothing is told twice", async () => {
  const { call, events, clock, open } = callOf();
  const dead = open();
  say(dead, SOUND);
  clock.now += 3000;
  const alive = open();
  say(alive, SOUND);
  say(dead, SOUND, { fromMs: 3000 });
  dead.end("stream_closed");
  assert.equal(call.state, "live");
  alive.end("stream_stopped");
  await call.end("stream_stopped");
  assert.deepEqual(gapsOf(events), []);
  assert.equal(finalsOf(events).length, 2);
});

test("nothing before the watermark can be lost: not what waits, nor what a closed stream still holds", async () => {
  const { call, detector, recogniser, events, clock, open } = callOf();
  recogniser.holding = true;
  detector.holding = true;
  const first = open();
  say(first, SOUND);
  const settledMs = () => call.progress()[0]?.settledMs ?? -1;
  assert.equal(settledMs(), 0);
  first.end("stream_closed");
  assert.deepEqual(call.progress(), [{ track: "inbound", mediaMs: 3000, settledMs: 0 }]);
  clock.now += 3000;
  open();
  assert.equal(settledMs(), 0);
  detector.release();
  await settle();
  assert.ok(settledMs() <= 500, "the utterance is with the recogniser");
  recogniser.asked[0]?.resolve();
  await settle();
  assert.equal(finalsOf(events).length, 1);
  assert.equal(settledMs(), 3000);
  await call.end("shutdown");
});

test("a digit is told with its number and its time", async () => {
  const { call, events, open } = callOf();
  const stream = open();
  say(stream, SOUND);
  stream.dtmf("inbound", "4");
  stream.dtmf("inbound", "#");
  await call.end("stream_stopped");
  assert.deepEqual(shortly(events.filter(({ type }) => type === "call.dtmf")), [
    "press 1: 4 at 3000",
    "press 2: # at 3000",
  ]);
});

test("a packet that claims hours is counted and left out", async () => {
  const { call, counters, events, open } = callOf();
  const stream = open();
  say(stream, SOUND);
  stream.packet("inbound", 5 * 3600 * 1000, new Uint8Array(160));
  await call.end("stream_stopped");
  assert.equal(counters.get("call.packetsRefused"), 1);
  assert.match(shortly(events).at(-1) as string, /3000 ms, 1 finals, 0 gaps$/);
});

const MEMORY: CallMemory = {
  mediaStartAt: START_AT - 20_000,
  started: true,
  press: 2,
  tracks: new Map([
    [
      "inbound",
      {
        reachedMs: 9000,
        uncovered: [
          { startMs: 4000, endMs: 5000 },
          { startMs: 7000, endMs: 9000 },
        ],
        nextUtterance: 4,
        nextGap: 2,
        finals: 3,
        gaps: 1,
      },
    ],
  ]),
};

test("after a crash what was not committed is a gap up to now, and the call goes on with its numbers", async () => {
  const { call, events, did, open } = callOf({ memory: MEMORY });
  assert.equal(call.state, "suspended");
  assert.equal(did.requested, 1);
  const stream = open();
  say(stream, SOUND);
  stream.dtmf("inbound", "1");
  stream.end("stream_stopped");
  await call.end("stream_stopped");
  assert.deepEqual(
    shortly(events).filter((text) => !/press|inbound 4/.test(text)),
    [
      "inbound gap 2: 4000-5000 crash",
      "inbound gap 3: 7000-20000 crash",
      "ended: stream_stopped, 23000 ms, 4 finals, 3 gaps",
    ],
  );
  assert.deepEqual(
    finalsOf(events).map(({ utterance }) => utterance),
    [4],
  );
  assert.deepEqual(shortly(events.filter(({ type }) => type === "call.dtmf")), ["press 3: 1 at 23000"]);
  assert.deepEqual(did.mediaStart, []);
});

test("after a crash a call that cannot come back ends at once, its start before everything else", async () => {
  const { call, events } = callOf({ memory: { ...MEMORY, started: false } }, false);
  await call.end("shutdown");
  assert.deepEqual(shortly(events), [
    "started",
    "inbound gap 2: 4000-5000 crash",
    "inbound gap 3: 7000-20000 crash",
    "ended: crash, 20000 ms, 3 finals, 3 gaps",
  ]);
});

test("a store that is slow with one event does not let a later one pass it", async () => {
  const events: EventDraft[] = [];
  const slow = { start: () => {} };
  const started = new Promise<void>((resolve) => {
    slow.start = resolve;
  });
  const { call, open } = callOf({
    commit: async (_callSid, drafts) => {
      if (drafts[0]?.type === "call.started") await started;
      events.push(...drafts);
    },
  });
  const stream = open();
  stream.dtmf("inbound", "1");
  say(stream, SOUND);
  const ended = call.end("shutdown");
  await settle();
  assert.deepEqual(events, []);
  slow.start();
  await ended;
  assert.deepEqual(
    events.map(({ type }) => type),
    ["call.started", "call.dtmf", "transcript.final", "call.ended"],
  );
});

test("events that the store loses for good do not keep the call from ending", async () => {
  const { call, counters, did, open } = callOf({ commit: () => Promise.reject(new Error("closed")) });
  say(open(), SOUND);
  await call.end("shutdown");
  assert.equal(did.ended, 1);
  assert.equal(counters.get("call.commitsLost"), 3);
});
