import assert from "node:assert/strict";
import { test } from "node:test";
import { isSessionId } from "../../src/session/sessions.ts";
import type { TranscriptPartial } from "../../src/transcript/partial.ts";
import { splitAt } from "../audio/split.ts";
import { settle } from "../call/rig.ts";
import { bytesOf, inShort, sessionsOf, toneOf } from "./rig.ts";

const SPOKEN = bytesOf(toneOf(1500, [{ startMs: 300, endMs: 1200 }]), { encoding: "float32" });

test("sessions beside each other do not know of each other", async (t) => {
  const { sessions, open } = sessionsOf(t);
  const [a, b] = [open(), open()];
  assert.notEqual(a.session.id, b.session.id);
  assert.equal(sessions.active, 2);
  a.session.push(SPOKEN);
  assert.throws(() => b.session.push(bytesOf(Float32Array.of(Number.NaN), { encoding: "float32" })));
  await Promise.all([a.session.end("stream_stopped"), b.session.end("stream_closed")]);
  assert.equal(sessions.active, 0);
  assert.match(inShort(a.told.events)[1] as string, /^2 final 1 /);
  assert.deepEqual(inShort(b.told.events), [
    "1 call.started",
    "2 ended stream_closed 0 ms, 0 finals, 0 gaps",
  ]);
});

test("a full, slow, failing or draining machine opens no session, and says why", (t) => {
  const limits = { sessions: 1, backlogSeconds: 60 };
  const full = sessionsOf(t, { limits });
  full.open();
  assert.throws(() => full.open(), { code: "SESSION_OVERLOADED", retryable: true });
  const slow = sessionsOf(t);
  slow.recogniser.pendingSeconds = 61;
  assert.throws(() => slow.open(), { code: "SESSION_OVERLOADED" });
  const failing = sessionsOf(t, { storeFailing: () => true });
  assert.throws(() => failing.open(), { code: "SESSION_OVERLOADED" });
  const draining = sessionsOf(t);
  draining.sessions.drain();
  assert.throws(() => draining.open(), { code: "SERVER_DRAINING" });
  assert.equal(draining.counters.get("sessions.refused.SERVER_DRAINING"), 1);
});

test("a language that the model does not know opens no session", (t) => {
  const { sessions, open, store } = sessionsOf(t);
  assert.throws(() => open({ language: "tlh" }), { code: "ASR_BAD_LANGUAGE" });
  assert.equal(sessions.active, 0);
  assert.deepEqual(store.unfinishedCalls(), []);
});

test("all sessions end with their finals when the server stops", async (t) => {
  const { sessions, open, store } = sessionsOf(t);
  const opened = [open(), open(), open()];
  for (const { session } of opened) session.push(SPOKEN);
  await sessions.endAll("shutdown");
  for (const { session } of opened) {
    const events = inShort(store.events(session.id));
    assert.match(events[1] as string, /^2 final 1 /);
    assert.equal(events[2], "3 ended shutdown 1500 ms, 1 finals, 0 gaps");
  }
});

test("a crash costs a gap over what was heard and not committed", async (t) => {
  const { sessions, open, store, recogniser } = sessionsOf(t);
  const { session } = open();
  session.push(bytesOf(toneOf(3000, []), { encoding: "float32" }));
  recogniser.holding = true;
  session.push(SPOKEN);
  sessions.saveWatermarks();
  await settle();
  // The process dies here; the next one finds the store.
  assert.equal(store.call(session.id)?.mediaStartAt, 1_700_000_000_000);
  assert.equal(sessions.recover(), 1);
  await settle();
  const events = inShort(store.events(session.id));
  assert.match(events[1] as string, /^2 gap 1 (29|30)\d\d-4500 crash$/);
  assert.equal(events[2], "3 ended crash 4500 ms, 0 finals, 1 gaps");
  assert.deepEqual(store.unfinishedCalls(), []);
});

test("a session that cannot listen is not opened, and does not stay open in the store", async (t) => {
  const { open, sessions, store, detector } = sessionsOf(t);
  detector.closed = true;
  const chunking = { mode: "fixed", chunkMs: 3000, overlapMs: 500 } as const;
  assert.throws(() => open({ chunking }), { code: "VAD_CLOSED" });
  await settle();
  assert.equal(sessions.active, 0);
  assert.deepEqual(store.unfinishedCalls(), []);
});

test("what is being said in any session is told with the session it is said in, as its client is told it", async (t) => {
  const heard: TranscriptPartial[] = [];
  const { open } = sessionsOf(t, { onPartial: (partial) => heard.push(partial) });
  const [a, b, quiet] = [open(), open(), open({ partials: false })];
  const bytes = bytesOf(toneOf(2000, [{ startMs: 500, endMs: 2000 }]), { encoding: "float32" });
  for (const part of splitAt(bytes, [6400])) {
    for (const { session } of [a, b, quiet]) session.push(part);
    await settle();
  }
  for (const { session, told } of [a, b]) {
    const { id } = session;
    assert.ok(told.partials.length > 0);
    assert.deepEqual(
      heard.filter(({ callSid }) => callSid === id),
      told.partials.map((partial) => ({ ...partial, callSid: id })),
    );
  }
  assert.equal(heard.length, a.told.partials.length + b.told.partials.length, "none of the one without");
  for (const { session } of [a, b, quiet]) await session.end("stream_stopped");
});

test("the ids of sessions are told from those of carriers, and no two are alike", (t) => {
  const { open } = sessionsOf(t);
  const ids = Array.from({ length: 20 }, () => open().session.id);
  assert.equal(new Set(ids).size, 20);
  for (const id of ids) {
    assert.ok(isSessionId(id));
    assert.match(id, /^ses_[\w-]{20}$/, "fit for the address of its page");
  }
  const carriers = ["CA0123456789abcdef0123456789abcdef", "", "SES_x", "xses_1", "ses", " ses_1"];
  for (const id of carriers) assert.equal(isSessionId(id), false, id);
});
