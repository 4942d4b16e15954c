import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "../../src/base/counters.ts";
import { DEFAULT_LIMITS, type DueAction, dueAction, type SocketTimes } from "../../src/sockets/deadlines.ts";
import { EventFeed } from "../../src/sockets/feed.ts";
import { Intake } from "../../src/sockets/intake.ts";
import type { CallEvent } from "../../src/transcript/event.ts";
import { settle } from "../call/rig.ts";
import { bytesOf, toneOf } from "../session/rig.ts";
import { socketsOf } from "./rig.ts";

test("a client that sends twenty minutes at once is made to wait, and nothing of it is lost", async (t) => {
  const { connect, detector, sessions, counters, advance } = await socketsOf(t);
  const client = await connect("?sample_rate=8000&encoding=mulaw&partials=false");
  detector.holding = true;
  const minute = bytesOf(toneOf(60_000, [{ startMs: 1000, endMs: 9000 }], 8000), { encoding: "mulaw" });
  for (let count = 0; count < 20; count++) client.send(minute);
  client.send({ type: "finish" });
  while (counters.get("sockets.held") === 0) await settle();
  const bytesHeld = client.socket.bufferedAmount;
  for (let turn = 0; turn < 20; turn++) {
    advance(10);
    await settle();
  }
  assert.ok(bytesHeld > 0 && client.socket.bufferedAmount > 0, "the client waits");
  assert.equal(counters.get("sockets.held"), 1);
  const poll = setInterval(() => {
    detector.release();
    advance(50);
  }, 1);
  assert.equal((await client.closed).code, 1000);
  clearInterval(poll);
  assert.equal(client.of("final").length, 20);
  assert.equal(client.of("gap").length, 0);
  assert.equal(client.of("end")[0]?.duration_ms, 1_200_000);
  assert.equal(sessions.active, 0);
});

function intake(lag: { ms: number }) {
  const did: string[] = [];
  const clock = { now: 0 };
  const polls: (() => void)[] = [];
  const taken = new Intake({
    socket: { pause: () => did.push("pause"), resume: () => did.push("resume") },
    session: {
      push() {},
      get lagMs() {
        return lag.ms;
      },
    },
    monotonic: () => clock.now,
    every: (_ms, task) => {
      polls.push(task);
      return () => polls.splice(polls.indexOf(task), 1);
    },
    counters: new Counters(),
  });
  const advance = (ms: number) => {
    clock.now += ms;
    for (const poll of [...polls]) poll();
  };
  return { taken, did, advance, polls };
}

test("a socket is not read from 40 s of held audio on, until 32 s are left", () => {
  const lag = { ms: 40_000 };
  const { taken, did, advance, polls } = intake(lag);
  taken.take(new Uint8Array(1));
  assert.deepEqual(did, []);
  lag.ms = 40_001;
  taken.take(new Uint8Array(1));
  taken.take(new Uint8Array(1));
  assert.deepEqual([did, taken.held], [["pause"], true]);
  lag.ms = 32_001;
  advance(50);
  assert.deepEqual(did, ["pause"]);
  lag.ms = 32_000;
  advance(50);
  assert.deepEqual([did, taken.held, polls.length], [["pause", "resume"], false, 0]);
  lag.ms = 50_000;
  taken.take(new Uint8Array(1));
  taken.stop();
  taken.take(new Uint8Array(1));
  assert.deepEqual([did, taken.held], [["pause", "resume", "pause", "resume"], false]);
});

test("1000 messages a second are taken, more have to wait, and 50 a second never do", () => {
  const { taken, did, advance } = intake({ ms: 0 });
  for (let second = 0; second < 600; second++) {
    for (let message = 0; message < 50; message++) taken.message();
    advance(1000);
  }
  assert.deepEqual(did, []);
  for (let message = 0; message < 4001; message++) taken.message();
  assert.deepEqual(did, ["pause"]);
  advance(1000);
  assert.deepEqual(did, ["pause"], "it has the debt of the burst");
  advance(2000);
  assert.deepEqual(did, ["pause", "resume"]);
});

const SESSION_ID = "ses_1";
function final(sequence: number): CallEvent {
  const text = "x".repeat(50_000);
  const place = { track: "inbound", label: "speaker", utterance: sequence, startMs: 0, endMs: 1 } as const;
  const heard = { text, language: "en", confidence: 1, words: [] };
  const committed = { version: 1, id: `m${sequence}`, callSid: SESSION_ID, sequence, timestamp: "" } as const;
  return { type: "transcript.final", ...place, ...heard, ...committed };
}

test("events for a client that does not read stay in the store, and come in order when it does", () => {
  const log: CallEvent[] = [];
  const sent: { text: string; onSent: () => void }[] = [];
  const outgoing = {
    get bufferedBytes() {
      return sent.reduce((sum, { text }) => sum + text.length, 0);
    },
    send: (text: string, onSent: () => void) => void sent.push({ text, onSent }),
  };
  const counters = new Counters();
  const feed = new EventFeed({
    outgoing,
    after: 0,
    events: (after, limit) => log.filter(({ sequence }) => sequence > after).slice(0, limit),
    fullTranscript: () => "",
    onEnd: () => {},
    onFailure: (error) => assert.fail(String(error)),
    counters,
  });
  feed.pump();
  for (let sequence = 1; sequence <= 100; sequence++) {
    log.push(final(sequence));
    feed.event(log.at(-1) as CallEvent);
  }
  assert.ok(outgoing.bufferedBytes < 320 * 1024, `${outgoing.bufferedBytes}`);
  feed.tell({ type: "ack", samples: 5 });
  assert.equal(counters.get("sockets.leftOut.ack"), 1);
  const received: number[] = [];
  for (let next = sent.shift(); next; next = sent.shift()) {
    received.push(JSON.parse(next.text).sequence);
    next.onSent();
  }
  assert.deepEqual(
    received,
    Array.from({ length: 100 }, (_, index) => index + 1),
  );
});

test("a store that cannot be read is told to the socket, not thrown at nobody", () => {
  const failures: unknown[] = [];
  const feed = new EventFeed({
    outgoing: { bufferedBytes: 0, send: () => {} },
    after: 0,
    events: () => {
      throw new Error("as the test wants");
    },
    fullTranscript: () => "",
    onEnd: () => {},
    onFailure: (error) => failures.push(error),
    counters: new Counters(),
  });
  feed.pump();
  feed.pump();
  assert.equal(failures.length, 1);
});

test("deadlines: the session's end, its warning, a reader that does not, silence, a lost peer, a ping", () => {
  const at = (now: number, changes: Partial<SocketTimes>): DueAction =>
    dueAction(
      {
        openedAt: 0,
        lastMessageAt: now,
        lastPingAt: now,
        unanswered: 0,
        deadlineAt: 3_600_000,
        warned: false,
        unreadSince: null,
        held: false,
        closing: false,
        ...changes,
      },
      DEFAULT_LIMITS,
      now,
    );
  assert.equal(at(3_539_999, {}), null);
  assert.equal(at(3_540_000, {}), "warning");
  assert.equal(at(3_540_000, { warned: true }), null);
  assert.equal(at(3_600_000, {}), "limit");
  assert.equal(at(29_999, { deadlineAt: 60_000 }), null);
  assert.equal(at(30_000, { deadlineAt: 60_000 }), "warning");
  assert.equal(at(50_000, { unreadSince: 20_001 }), null);
  assert.equal(at(50_000, { unreadSince: 20_000 }), "slow_reader");
  assert.equal(at(60_000, { lastMessageAt: 0 }), "idle");
  assert.equal(at(60_000, { lastMessageAt: 0, held: true }), null);
  assert.equal(at(20_000, { lastPingAt: 0 }), "ping");
  assert.equal(at(20_000, { lastPingAt: 0, unanswered: 2 }), "lost");
  assert.equal(at(20_000, { lastPingAt: 0, unanswered: 2, held: true }), "ping");
  // A session that ends is not ended again, and its socket is still watched.
  const closing = { closing: true, lastMessageAt: 0, lastPingAt: 3_570_000 };
  assert.equal(at(3_600_000, { ...closing, unreadSince: 3_570_000 }), "slow_reader");
  assert.equal(at(3_600_000, { ...closing, unanswered: 2 }), "lost");
});

test("a client that waits is read again when speech detection is lost, and what was not listened to is a gap", async (t) => {
  const { connect, detector, counters, advance } = await socketsOf(t);
  const client = await connect("?partials=false");
  const tone = (lengthMs: number) =>
    bytesOf(toneOf(lengthMs, [{ startMs: 1000, endMs: 3000 }]), { encoding: "float32" });
  detector.holding = true;
  for (let second = 0; second < 9; second++) client.send(tone(5000));
  while (counters.get("sockets.held") === 0) await settle();
  detector.fail();
  detector.holding = false;
  client.send(tone(5000));
  for (let turn = 0; turn < 20; turn++) {
    advance(50);
    await settle();
  }
  assert.equal((await client.first("gap")).start_ms, 0);
  await client.finish();
  assert.equal(client.of("gap").length, 1);
  assert.equal(client.of("final").length, 1);
  assert.equal(client.of("end")[0]?.duration_ms, 50_000);
});

test("a client that waits is read again when speech detection is back, however short the gap was", async (t) => {
  const { connect, detector, counters, advance } = await socketsOf(t);
  const client = await connect("?partials=false");
  const silence = (lengthMs: number) => bytesOf(toneOf(lengthMs, []), { encoding: "float32" });
  detector.holding = true;
  client.send(silence(4500), silence(4500));
  await client.answered();
  detector.fail();
  for (let second = 0; second < 7; second++) client.send(silence(5000));
  while (counters.get("sockets.held") === 0) await settle();
  detector.release();
  client.send(silence(5000));
  for (let turn = 0; turn < 20; turn++) {
    advance(50);
    await settle();
  }
  await client.first("gap");
  await client.finish();
  assert.deepEqual(
    client.of("gap").map(({ start_ms, end_ms }) => [start_ms, end_ms]),
    [[0, 9000]],
  );
  assert.equal(client.of("end")[0]?.duration_ms, 49_000);
});
