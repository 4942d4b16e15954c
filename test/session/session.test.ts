import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { PCM_ENCODINGS } from "../../src/audio/pcm.ts";
import { STREAM_RATES_HZ } from "../../src/audio/rate-converter.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { splitAt } from "../audio/split.ts";
import { settle } from "../call/rig.ts";
import { bytesOf, inShort, sessionsOf, toneOf } from "./rig.ts";

const SPEECH = [
  { startMs: 500, endMs: 1500 },
  { startMs: 2600, endMs: 3300 },
];

/** The events of a session that is sent two utterances in parts of these many bytes. */
async function transcribed(
  t: TestContext,
  format: Parameters<typeof bytesOf>[1] & { sampleRateHz: (typeof STREAM_RATES_HZ)[number] },
  sizes: number[],
  lengthMs = 4500,
): Promise<string[]> {
  const { open } = sessionsOf(t);
  const { session, told } = open({ format });
  const bytes = bytesOf(toneOf(lengthMs, SPEECH, format.sampleRateHz), format);
  for (const part of splitAt(bytes, sizes)) session.push(part);
  await session.end("stream_stopped");
  return inShort(told.events);
}

test("every encoding at every rate is heard at the same times", async (t) => {
  for (const encoding of PCM_ENCODINGS) {
    for (const sampleRateHz of STREAM_RATES_HZ) {
      const events = await transcribed(t, { encoding, sampleRateHz }, [1000]);
      assert.equal(events.length, 4, `${encoding} ${sampleRateHz}: ${events}`);
      const [started, first, second, ended] = events as [string, string, string, string];
      assert.equal(started, "1 call.started");
      assert.match(first, /^2 final 1 (1|2)\d\d-1[78]\d\d: /);
      assert.match(second, /^3 final 2 2[23]\d\d-3[56]\d\d: /);
      assert.equal(ended, "4 ended stream_stopped 4500 ms, 2 finals, 0 gaps");
    }
  }
});

test("any split of the bytes, also within samples, gives the same finals", async (t) => {
  for (const format of [
    { encoding: "float32", sampleRateHz: 16_000 },
    { encoding: "s16", sampleRateHz: 44_100 },
  ] as const) {
    const whole = await transcribed(t, format, [1_000_000]);
    const sizes = fc.array(fc.integer({ min: 0, max: 20_001 }), { minLength: 3, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sizes, async (parts) => {
        assert.deepEqual(await transcribed(t, format, parts), whole);
      }),
      { numRuns: 8 },
    );
  }
  const phone = { encoding: "s16", sampleRateHz: 8000 } as const;
  assert.deepEqual(await transcribed(t, phone, [1], 2000), await transcribed(t, phone, [9999], 2000));
});

test("an event is in the store before it is told, and the store gives back what was told", async (t) => {
  const { store, open } = sessionsOf(t);
  const { session, told } = open();
  const seen: boolean[] = [];
  session.tell({
    onEvent: (event) => {
      told.events.push(event);
      seen.push(store.events(event.callSid).some(({ id }) => id === event.id));
    },
  });
  session.push(bytesOf(toneOf(4500, SPEECH), { encoding: "float32" }));
  await session.end("stream_stopped");
  assert.deepEqual(seen, [true, true, true, true]);
  assert.deepEqual(session.events(0, 100), told.events);
  assert.deepEqual(inShort(session.events(1, 2)), inShort(told.events.slice(1, 3)));
  assert.equal(store.call(session.id)?.kind, "session");
});

test("a client that vanished in the middle of a word has it in the store", async (t) => {
  const { store, open } = sessionsOf(t);
  const { session, told } = open();
  session.push(bytesOf(toneOf(1200, [{ startMs: 500, endMs: 1200 }]), { encoding: "float32" }));
  await settle();
  session.tell(null);
  await session.end("stream_closed");
  assert.deepEqual(inShort(told.events), ["1 call.started"]);
  const kept = inShort(store.events(session.id)).slice(1);
  assert.match(kept[0] as string, /^2 final 1 1\d\d-12\d\d: /);
  assert.equal(kept[1], "3 ended stream_closed 1200 ms, 1 finals, 0 gaps");
});

test("samples that are no sound are refused with a code, however their bytes are split", async (t) => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 12_000]) {
    for (const size of [4, 3, 1000]) {
      const { open } = sessionsOf(t);
      const { session } = open();
      const parts = splitAt(bytesOf(Float32Array.of(0, 0.5, bad, 0), { encoding: "float32" }), [size]);
      assert.throws(
        () => {
          for (const part of parts) session.push(part);
        },
        (error) => error instanceof LinescribeError && error.code === "SESSION_BAD_AUDIO",
      );
      await session.end("stream_closed");
    }
  }
});

test("a flush makes final what was said so far, and the session goes on", async (t) => {
  const { open } = sessionsOf(t);
  const { session, told } = open();
  const bytes = bytesOf(toneOf(4500, SPEECH), { encoding: "float32" });
  const half = 4 * 16 * 1000;
  session.push(bytes.subarray(0, half));
  await session.flush();
  assert.match(inShort(told.events)[1] as string, /^2 final 1 1\d\d-9[69]\d: /);
  session.push(bytes.subarray(half));
  await session.end("stream_stopped");
  const finals = told.events.filter(({ type }) => type === "transcript.final");
  assert.equal(finals.length, 3);
});

test("a flush waits for speech detection, and takes no audio that came after it", async (t) => {
  const { open, detector } = sessionsOf(t);
  const { session, told } = open();
  const bytes = bytesOf(toneOf(3000, [{ startMs: 500, endMs: 3000 }]), { encoding: "float32" });
  detector.holding = true;
  session.push(bytes.subarray(0, 4 * 16 * 1500));
  const flushed = session.flush();
  session.push(bytes.subarray(4 * 16 * 1500));
  await settle();
  assert.equal(told.events.length, 1);
  detector.release();
  await flushed;
  assert.match(inShort(told.events)[1] as string, /^2 final 1 1\d\d-1[45]\d\d: /);
  await session.end("stream_stopped");
});

test("partials, and when somebody began to speak, are told while it is said", async (t) => {
  const { open } = sessionsOf(t);
  const { session, told } = open();
  for (const part of splitAt(
    bytesOf(toneOf(2000, [{ startMs: 500, endMs: 2000 }]), { encoding: "float32" }),
    [6400],
  )) {
    session.push(part);
    await settle();
  }
  assert.ok(told.partials.length > 0);
  assert.equal(told.speechStartedMs.length, 1);
  assert.equal(told.partials[0]?.startMs, told.speechStartedMs[0]);
  await session.end("stream_stopped");
});

test("what is held is what was not committed yet, and it falls to nothing in silence", async (t) => {
  const { open, recogniser } = sessionsOf(t);
  const { session } = open({ partials: false });
  recogniser.holding = true;
  session.push(bytesOf(toneOf(4500, SPEECH), { encoding: "float32" }));
  assert.ok(session.lagMs > 4000, `${session.lagMs}`);
  for (const { resolve } of recogniser.asked) resolve();
  await settle();
  assert.ok(session.lagMs < 1000, `${session.lagMs}`);
  assert.equal(session.receivedMs, 4500);
  await session.end("stream_stopped");
});

test("speech detection that fails costs a gap, and the session goes on", async (t) => {
  const { open, detector } = sessionsOf(t);
  const { session, told } = open();
  const bytes = bytesOf(toneOf(4500, SPEECH), { encoding: "float32" });
  session.push(bytes.subarray(0, 4 * 16 * 1000));
  detector.holding = true;
  session.push(bytes.subarray(4 * 16 * 1000, 4 * 16 * 2000));
  detector.fail();
  detector.holding = false;
  session.push(bytes.subarray(4 * 16 * 2000));
  await session.end("stream_stopped");
  const types = told.events.map(({ type }) => type);
  assert.deepEqual(types, [
    "call.started",
    "transcript.final",
    "transcript.gap",
    "transcript.final",
    "call.ended",
  ]);
});
