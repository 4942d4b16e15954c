import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Counters } from "../../src/base/counters.ts";
import type { HeardUtterance } from "../../src/call/listener.ts";
import { StreamTrack, type StreamTrackOptions } from "../../src/call/stream-track.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { type Interval, LoudnessDetector, type Packet, packetsOf, soundOf } from "./fakes.ts";

const MINUTE_MS = 60_000;

function trackOf(options: Partial<StreamTrackOptions> = {}) {
  const detector = new LoudnessDetector();
  const utterances: HeardUtterance[] = [];
  const holes: Interval[] = [];
  const unheard: (Interval & { code: string })[] = [];
  const failures: string[] = [];
  const track = new StreamTrack({
    offsetMs: 0,
    endpointer: PROFILES.phone,
    detector,
    counters: new Counters(),
    onUtterance: (utterance) => utterances.push(utterance),
    onHole: (startMs, endMs) => holes.push({ startMs, endMs }),
    onFailure: ({ code }) => failures.push(code),
    onUnheard: (startMs, endMs, { code }) => unheard.push({ startMs, endMs, code }),
    ...options,
  });
  const push = (packets: readonly Packet[]): void => {
    for (const { timestampMs, mulaw } of packets) track.packet(timestampMs, mulaw);
  };
  return { track, detector, utterances, holes, unheard, failures, push };
}

async function listen(packets: readonly Packet[]) {
  const listened = trackOf();
  listened.push(packets);
  await listened.track.end();
  return listened;
}

/** Whether every interval lies in some utterance. */
function covers(utterances: readonly Interval[], intervals: readonly Interval[]): boolean {
  return intervals.every(({ startMs, endMs }) =>
    utterances.some((utterance) => utterance.startMs <= startMs && utterance.endMs >= endMs),
  );
}

const SPEECH = [
  { startMs: 500, endMs: 1300 },
  { startMs: 2600, endMs: 2900 },
  { startMs: 4500, endMs: 5900 },
];
const SOUND = soundOf(6000, SPEECH);
const whole = await listen(packetsOf(SOUND));

test("utterances hold what was said, at its time, and every sample is listened to", () => {
  assert.equal(whole.utterances.length, 3);
  assert.ok(covers(whole.utterances, SPEECH));
  for (const { pcm16k, startMs, endMs } of whole.utterances) {
    assert.equal(pcm16k.length, (endMs - startMs) * 16);
  }
  assert.equal(whole.track.mediaMs, 6000);
  assert.equal(whole.detector.frames, Math.ceil((6000 * 16) / 512));
  assert.deepEqual(whole.holes, []);
});

test("any split into packets gives the same utterances, to the sample", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 300 }),
      async (lengths) => {
        const { utterances, holes, track } = await listen(packetsOf(SOUND, lengths));
        assert.deepEqual(utterances, whole.utterances);
        assert.deepEqual(holes, []);
        assert.equal(track.mediaMs, 6000);
      },
    ),
    { numRuns: 25 },
  );
});

test("packets that change places within the window, or come twice, change nothing", async () => {
  const packets = packetsOf(SOUND);
  const moves = fc.array(fc.tuple(fc.nat(packets.length - 1), fc.integer({ min: 1, max: 3 }), fc.boolean()), {
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(moves, async (all) => {
      const moved = [...packets];
      let free = 0;
      // One at a time: a packet comes up to three places late, and the next move starts behind it.
      for (const [from, places, twice] of [...all].sort(([a], [b]) => a - b)) {
        if (from < free || from + places >= moved.length) continue;
        const [packet] = moved.splice(from, 1) as [Packet];
        moved.splice(from + places, 0, packet, ...(twice ? [packet] : []));
        free = from + places + 2;
      }
      const { utterances, holes } = await listen(moved);
      assert.deepEqual(utterances, whole.utterances);
      assert.deepEqual(holes, []);
    }),
    { numRuns: 25 },
  );
});

test("audio that never came is a hole of its length, and what follows keeps its time", async () => {
  const lost = [
    { startMs: 1400, endMs: 2400 },
    { startMs: 3000, endMs: 3060 },
  ];
  const packets = packetsOf(SOUND).filter(
    ({ timestampMs }) => !lost.some(({ startMs, endMs }) => timestampMs >= startMs && timestampMs < endMs),
  );
  const { utterances, holes, track } = await listen(packets);
  assert.deepEqual(holes, lost);
  assert.ok(covers(utterances, SPEECH));
  assert.equal(track.mediaMs, 6000);
});

test("a hole of minutes costs no more than one of seconds, and is told whole", async () => {
  const offsetMs = 5000;
  const { track, detector, utterances, holes, push } = trackOf({ offsetMs });
  push(packetsOf(SOUND));
  push(packetsOf(SOUND, [20], 100 * MINUTE_MS));
  await track.end();
  assert.deepEqual(holes, [{ startMs: offsetMs + 6000, endMs: offsetMs + 100 * MINUTE_MS }]);
  assert.ok(detector.frames < (20_000 * 16) / 512, `${detector.frames} frames`);
  const late = (ms: number) => (interval: Interval) => ({
    startMs: interval.startMs + ms,
    endMs: interval.endMs + ms,
  });
  assert.ok(
    covers(utterances, [...SPEECH.map(late(offsetMs)), ...SPEECH.map(late(offsetMs + 100 * MINUTE_MS))]),
  );
  // The last word before the hole ends in it, and no utterance spans it.
  assert.ok(utterances.every(({ startMs, endMs }) => endMs - startMs < 3000));
  assert.equal(track.settledMs <= track.mediaMs, true);
});

test("a live packet may not claim to be minutes ahead of both the audio and the clock", () => {
  const clock = { elapsedMs: 6000 };
  const { track, push } = trackOf({ elapsedMs: () => clock.elapsedMs });
  push(packetsOf(SOUND));
  const packet = packetsOf(SOUND, [20], 10 * MINUTE_MS)[0] as Packet;
  assert.throws(() => push([packet]), { code: "STREAM_BAD_MESSAGE" });
  assert.throws(() => push([{ ...packet, timestampMs: Number.NaN }]), { code: "STREAM_BAD_MESSAGE" });
  assert.equal(track.mediaMs, 6000);
  clock.elapsedMs = 10 * MINUTE_MS;
  push([packet]);
});

test("audio may run ahead of the clock, as a replay at full speed does", () => {
  const { track, push } = trackOf({ elapsedMs: () => 0 });
  for (let round = 0; round < 30; round++) push(packetsOf(SOUND, [1000], round * 6000));
  assert.equal(track.mediaMs, 180_000);
});

test("after a failed detector the next packet is listened to, and what was not heard is told once", async () => {
  const { track, detector, utterances, unheard, failures, push } = trackOf({ offsetMs: 1000 });
  const packets = packetsOf(soundOf(12_000, [...SPEECH, { startMs: 9000, endMs: 10_000 }]));
  push(packets.slice(0, 50));
  detector.holding = true;
  push(packets.slice(50, 80));
  detector.fail();
  // A second failure, before anything was heard, belongs to the same loss.
  push(packets.slice(80, 100));
  detector.fail();
  push(packets.slice(100, 120));
  detector.release();
  push(packets.slice(120));
  await track.end();
  assert.deepEqual(failures, ["VAD_WORKER_LOST", "VAD_WORKER_LOST"]);
  assert.equal(detector.opened, 3);
  assert.equal(unheard.length, 1);
  const loss = unheard[0] as Interval;
  assert.ok(loss.startMs <= 2000 && loss.startMs >= 1000, `${loss.startMs}`);
  assert.ok(loss.endMs >= 2990 && loss.endMs <= 3010, `${loss.endMs}`);
  const told = [...utterances, ...unheard];
  for (let ms = 1500; ms < 2300; ms += 20) {
    assert.ok(
      told.some(({ startMs, endMs }) => startMs <= ms && endMs > ms),
      `${ms} ms`,
    );
  }
  assert.ok(
    covers(utterances, [
      { startMs: 3600, endMs: 3900 },
      { startMs: 5500, endMs: 6900 },
      { startMs: 10_000, endMs: 11_000 },
    ]),
  );
});

test("with a detector that is closed everything is told as not heard", async () => {
  const { track, detector, utterances, unheard, push } = trackOf();
  detector.closed = true;
  push(packetsOf(SOUND));
  await track.end();
  assert.deepEqual(utterances, []);
  assert.deepEqual(unheard, [{ startMs: 0, endMs: 6000, code: "VAD_CLOSED" }]);
});

test("what is not looked at, or not heard, is not settled", () => {
  const { track, detector, push } = trackOf();
  detector.holding = true;
  push(packetsOf(SOUND));
  assert.equal(track.settledMs, 0);
  assert.ok(track.backlogMs > 5900);
  detector.fail("VAD_OVERLOADED");
  assert.equal(track.settledMs, 0);
  assert.equal(track.backlogMs, 0);
});
