import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PacketTimeline, type PacketTimelineOptions, type Span } from "../../src/audio/timeline.ts";
import { Counters } from "../../src/base/counters.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { splitAt } from "./split.ts";

interface Packet {
  timestampMs: number;
  mulaw: Uint8Array;
}

/** Bytes that differ from silence and from their neighbours. */
function audioOf(samples: number): Uint8Array {
  return Uint8Array.from({ length: samples }, (_, index) => (index * 7 + (index >> 8)) % 250);
}

/** Packets of the sizes given, each with its true time rounded down to whole milliseconds. */
function packetsOf(audio: Uint8Array, sizes: number[]): Packet[] {
  let position = 0;
  return splitAt(audio, sizes).map((mulaw) => {
    const timestampMs = Math.floor(position / 8);
    position += mulaw.length;
    return { timestampMs, mulaw };
  });
}

function setUp(options: Partial<PacketTimelineOptions> = {}) {
  const counters = new Counters();
  return { counters, timeline: new PacketTimeline({ counters, ...options }) };
}

/** Pushes everything, flushes, and checks that the spans are contiguous from 0 and bounded where silent. */
function run(packets: Packet[], options: Partial<PacketTimelineOptions> = {}, untilMs?: number) {
  const { counters, timeline } = setUp(options);
  const spans = [...packets.flatMap((packet) => timeline.push(packet)), ...timeline.flush(untilMs)];
  assertContiguous(spans);
  return { spans, bytes: bytesOf(spans), counts: counters.snapshot() };
}

function assertContiguous(spans: Span[]): void {
  let position = 0;
  const seen = new Set<ArrayBufferLike>();
  for (const span of spans) {
    assert.equal(span.startMs, position / 8);
    assert.ok(span.mulaw.length > 0);
    if (!span.received) {
      assert.ok(span.mulaw.length <= 8000, `${span.mulaw.length} samples of silence in one piece`);
      // Looked at once: pieces of silence share their memory.
      const { buffer } = span.mulaw;
      assert.ok(seen.has(buffer) || new Uint8Array(buffer).every((byte) => byte === 0xff));
      seen.add(buffer);
    }
    position += span.mulaw.length;
  }
}

function bytesOf(spans: Span[]): Uint8Array {
  return new Uint8Array(Buffer.concat(spans.map(({ mulaw }) => mulaw)));
}

/** `[startMs, samples, received]` of each span. */
function outline(spans: Span[]): [number, number, boolean][] {
  return spans.map(({ startMs, mulaw, received }) => [startMs, mulaw.length, received]);
}

/** `[startMs, endMs]` of each run of silence. */
function holesOf(spans: Span[]): [number, number][] {
  const holes: [number, number][] = [];
  for (const { startMs, mulaw, received } of spans) {
    const last = holes.at(-1);
    const endMs = startMs + mulaw.length / 8;
    if (received) continue;
    if (last?.[1] === startMs) last[1] = endMs;
    else holes.push([startMs, endMs]);
  }
  return holes;
}

const SIXTEEN = packetsOf(audioOf(16 * 160), [160]);
const sixteen = (...indices: number[]): Packet[] => indices.map((index) => SIXTEEN[index] as Packet);

test("packets in order come out at once, one span each", () => {
  const { timeline, counters } = setUp();
  assert.deepEqual(outline(timeline.push(SIXTEEN[0] as Packet)), [[0, 160, true]]);
  assert.deepEqual(outline(timeline.push(SIXTEEN[1] as Packet)), [[20, 160, true]]);
  assert.deepEqual(timeline.flush(), []);
  assert.equal(timeline.nextMs, 40);
  assert.deepEqual(counters.snapshot(), { "packets.received": 2 });
});

test("payloads of 0, 1, 159, 161 and 800 bytes make up the same audio", () => {
  const audio = audioOf(6000);
  const { spans, bytes, counts } = run(packetsOf(audio, [0, 1, 159, 161, 800]));
  assert.deepEqual(bytes, audio);
  assert.ok(spans.every(({ received }) => received));
  assert.deepEqual(Object.keys(counts), ["packets.received"]);
});

test("a swapped pair is put in order", () => {
  const { bytes, counts } = run(sixteen(0, 2, 1, 3));
  assert.deepEqual(bytes, audioOf(640));
  assert.deepEqual(counts, { "packets.received": 4, "packets.reordered": 1 });
});

test("a packet that comes behind 4 later ones is in time, behind 5 it is late", () => {
  const inTime = run(sixteen(0, 2, 3, 4, 5, 1, 6));
  assert.deepEqual(inTime.bytes, audioOf(7 * 160));
  assert.deepEqual(inTime.counts, { "packets.received": 7, "packets.reordered": 1 });
  const late = run(sixteen(0, 2, 3, 4, 5, 6, 1, 7));
  assert.deepEqual(holesOf(late.spans), [[20, 40]]);
  assert.deepEqual(late.counts, { "packets.late": 1, "packets.received": 8, "samples.missing": 160 });
});

test("the window is settable, down to none at all", () => {
  assert.deepEqual(holesOf(run(sixteen(0, 2, 3, 1), { windowPackets: 1 }).spans), [[20, 40]]);
  assert.deepEqual(holesOf(run(sixteen(0, 2, 1), { windowPackets: 1 }).spans), []);
  assert.deepEqual(holesOf(run(sixteen(0, 2, 1), { windowPackets: 0 }).spans), [[20, 40]]);
  assert.deepEqual(holesOf(run(sixteen(0, 2, 3, 4, 5, 6, 7, 1), { windowPackets: 6 }).spans), []);
});

test("a hole is filled when the fifth packet behind it comes, not before and not later", () => {
  const { timeline } = setUp();
  timeline.push(SIXTEEN[0] as Packet);
  for (const packet of sixteen(3, 4, 5, 6)) assert.deepEqual(timeline.push(packet), []);
  assert.deepEqual(outline(timeline.push(SIXTEEN[7] as Packet)), [
    [20, 320, false],
    [60, 160, true],
    [80, 160, true],
    [100, 160, true],
    [120, 160, true],
    [140, 160, true],
  ]);
});

test("a packet that comes twice is taken once, whether the first is held, just out, or long out", () => {
  const { bytes, counts } = run(sixteen(0, 0, 2, 2, 1, 1, 3, 0));
  assert.deepEqual(bytes, audioOf(640));
  assert.deepEqual(counts, { "packets.duplicate": 4, "packets.received": 8, "packets.reordered": 1 });
});

test("a repeat of a packet shorter than the tolerance is not taken for jitter", () => {
  const short = packetsOf(audioOf(400), [40]);
  const { bytes, counts } = run(short.flatMap((packet) => [packet, packet]));
  assert.deepEqual(bytes, audioOf(400));
  assert.equal(counts["packets.duplicate"], 10);
});

test("sixteen packets are remembered: a repeat from before them counts as late", () => {
  const packets = packetsOf(audioOf(40 * 160), [160]);
  const { counts } = run([...packets, packets[40 - 16] as Packet, packets[40 - 17] as Packet]);
  assert.deepEqual(counts, { "packets.duplicate": 1, "packets.late": 1, "packets.received": 42 });
});

test("packets under 1 ms that share a timestamp and their bytes are no repeats", () => {
  const audio = new Uint8Array(400).fill(0xff);
  const { bytes, counts } = run(packetsOf(audio, [1]));
  assert.deepEqual(bytes, audio);
  assert.equal(counts["packets.duplicate"], undefined);
});

test("a late packet within the tolerance is dropped rather than put behind what followed it", () => {
  const packets = packetsOf(audioOf(120), [40]);
  const { bytes, counts } = run(
    [0, 2, 1].map((index) => packets[index] as Packet),
    { windowPackets: 0 },
  );
  assert.deepEqual(bytes, new Uint8Array([...audioOf(120).subarray(0, 40), ...audioOf(120).subarray(80)]));
  assert.equal(counts["packets.late"], 1);
});

test("a packet is late or reordered, never both", () => {
  const { counts } = run(sixteen(0, 2, 3, 4, 5, 6, 8, 1, 7));
  assert.equal(counts["packets.late"], 1);
  assert.equal(counts["packets.reordered"], 1);
});

test("a flush releases what is held and fills the holes between", () => {
  const { spans, counts } = run(sixteen(0, 2, 4));
  assert.deepEqual(outline(spans), [
    [0, 160, true],
    [20, 160, false],
    [40, 160, true],
    [60, 160, false],
    [80, 160, true],
  ]);
  assert.equal(counts["samples.missing"], 320);
});

test("a flush until a time adds silence up to it, unless it is within the tolerance", () => {
  assert.deepEqual(holesOf(run(sixteen(0), {}, 2520.5).spans), [[20, 2520.5]]);
  assert.deepEqual(holesOf(run(sixteen(0), {}, 30).spans), []);
  assert.deepEqual(holesOf(run(sixteen(0), {}, 31).spans), [[20, 31]]);
  assert.deepEqual(holesOf(run(sixteen(0, 1), {}, 5).spans), []);
});

test("a track whose first packet comes late starts with silence", () => {
  const { spans } = run([{ timestampMs: 1500, mulaw: audioOf(160) }]);
  assert.deepEqual(outline(spans), [
    [0, 8000, false],
    [1000, 4000, false],
    [1500, 160, true],
  ]);
});

test("overlaps are trimmed to what is new", () => {
  const audio = audioOf(800);
  const { bytes, counts } = run([
    { timestampMs: 0, mulaw: audio.subarray(0, 400) },
    { timestampMs: 25, mulaw: audio.subarray(200, 600) },
    { timestampMs: 10, mulaw: audio.subarray(80, 560) },
    { timestampMs: 50, mulaw: audio.subarray(400, 800) },
  ]);
  assert.deepEqual(bytes, audio);
  assert.deepEqual(counts, { "packets.late": 1, "packets.received": 4, "samples.trimmed": 400 });
});

test("different audio for a time that is already out is late, not a duplicate", () => {
  const { counts } = run([...sixteen(0, 1), { timestampMs: 0, mulaw: new Uint8Array(160) }]);
  assert.equal(counts["packets.late"], 1);
  assert.equal(counts["packets.duplicate"], undefined);
});

test("timestamps that jitter by up to 5 ms move no sample and cost no wait", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 50, maxLength: 50 }), (jitterMs) => {
      const { timeline } = setUp();
      const audio = audioOf(50 * 160);
      const spans = packetsOf(audio, [160]).map(({ timestampMs, mulaw }, index) =>
        timeline.push({ timestampMs: Math.max(0, timestampMs + (jitterMs[index] as number)), mulaw }),
      );
      assert.ok(spans.every((each) => each.length === 1 && each[0]?.received));
      assert.deepEqual(bytesOf(spans.flat()), audio);
    }),
  );
});

test("a clock that is off by 0.1 % either way never takes times further off than the tolerance", () => {
  for (const rate of [1.001, 0.999]) {
    const { timeline } = setUp();
    for (let index = 0; index < 30_000; index++) {
      const timestampMs = Math.round(index * 20 * rate);
      const spans = timeline.push({ timestampMs, mulaw: new Uint8Array(160).fill(index % 250) });
      const last = spans.at(-1);
      if (!last) continue;
      const endMs = last.startMs + last.mulaw.length / 8;
      assert.ok(Math.abs(endMs - (timestampMs + 20)) <= 10.5, `${endMs} for ${timestampMs + 20}`);
    }
    assert.ok(Math.abs(timeline.nextMs - 600_000 * rate) < 11, `ended at ${timeline.nextMs}`);
  }
});

test("the tolerance is settable", () => {
  const packets = [...sixteen(0), { timestampMs: 24, mulaw: audioOf(160) }];
  assert.deepEqual(holesOf(run(packets).spans), []);
  assert.deepEqual(holesOf(run(packets, { toleranceMs: 3 }).spans), [[20, 24]]);
});

test("a jump past the longest hole, or no time at all, is refused and changes nothing", () => {
  for (const timestampMs of [600_041, 1e300, -1, Number.NaN, Infinity]) {
    const { timeline, counters } = setUp();
    timeline.push(SIXTEEN[0] as Packet);
    timeline.push(SIXTEEN[1] as Packet);
    assert.throws(
      () => timeline.push({ timestampMs, mulaw: audioOf(160) }),
      (error) => error instanceof LinescribeError && error.code === "STREAM_BAD_MESSAGE",
    );
    assert.deepEqual(outline(timeline.push(SIXTEEN[2] as Packet)), [[40, 160, true]]);
    assert.equal(counters.get("packets.received"), 3);
  }
  const { spans } = run([{ timestampMs: 600_000, mulaw: audioOf(8) }]);
  assert.deepEqual(holesOf(spans), [[0, 600_000]]);
  const jumps = [400, 900, 1400].map((seconds) => ({ timestampMs: 1000 * seconds, mulaw: audioOf(8) }));
  assert.equal(holesOf(run(jumps).spans).length, 3, "a jump counts from what is held, not from what is out");
  assert.throws(
    () => run([{ timestampMs: 101, mulaw: audioOf(8) }], { maximumHoleMs: 100 }),
    LinescribeError,
  );
});

test("ten minutes of silence share one second of memory", () => {
  const { spans } = run([{ timestampMs: 600_000, mulaw: audioOf(8) }]);
  const buffers = new Set(spans.filter(({ received }) => !received).map(({ mulaw }) => mulaw.buffer));
  assert.equal(spans.length, 601);
  assert.equal(buffers.size, 1);
});

test("settings out of range are a RangeError", () => {
  for (const options of [
    { windowPackets: -1 },
    { windowPackets: 1.5 },
    { windowPackets: 101 },
    { toleranceMs: 0 },
    { toleranceMs: 1001 },
    { maximumHoleMs: -1 },
  ]) {
    assert.throws(() => setUp(options), RangeError, JSON.stringify(options));
  }
  assert.throws(() => setUp().timeline.flush(-1), RangeError);
});

test("any packet sizes give the same audio, with times rounded down to milliseconds", () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 900 }));
  fc.assert(
    fc.property(fc.array(size, { minLength: 1, maxLength: 30 }), (sizes) => {
      const audio = audioOf(4000);
      const { bytes, spans, counts } = run(packetsOf(audio, sizes));
      assert.deepEqual(bytes, audio);
      assert.ok(spans.every(({ received }) => received));
      assert.deepEqual(Object.keys(counts), ["packets.received"]);
    }),
  );
});

test("loss, disorder within the window and repeats leave every sample in its place or silent", () => {
  const fate = fc.record({
    copies: fc.constantFrom(0, 1, 1, 1, 1, 2),
    delays: fc.array(fc.double({ min: 0, max: 4.9, noNaN: true }), { minLength: 2, maxLength: 2 }),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(16, 40, 160, 161, 240, 800),
      fc.array(fate, { minLength: 20, maxLength: 60 }),
      (size, fates) => {
        const audio = audioOf(size * fates.length);
        const packets = packetsOf(audio, [size]);
        const sent = fates
          .flatMap(({ copies, delays }, index) =>
            delays.slice(0, copies).map((delay) => ({ index, at: index + delay })),
          )
          .sort((a, b) => a.at - b.at);
        const { bytes, spans, counts } = run(sent.map(({ index }) => packets[index] as Packet));

        const lost = fates.flatMap(({ copies }, index) => (copies === 0 ? [index] : []));
        const last = fates.findLastIndex(({ copies }) => copies > 0);
        assert.equal(counts["packets.received"] ?? 0, sent.length);
        assert.equal(counts["packets.duplicate"] ?? 0, fates.filter(({ copies }) => copies === 2).length);
        assert.equal(counts["packets.late"], undefined);
        const kept = bytesOf(spans.filter(({ received }) => received));
        const survivors = packets.filter((_, index) => fates[index]?.copies !== 0);
        assert.deepEqual(kept, new Uint8Array(Buffer.concat(survivors.map(({ mulaw }) => mulaw))));

        // Places are exact where times are whole and a lost packet is longer than the tolerance.
        if (size % 8 !== 0 || size <= 80) return;
        const expected = audio.slice(0, (last + 1) * size);
        for (const index of lost) expected.fill(0xff, index * size, (index + 1) * size);
        assert.deepEqual(bytes, expected);
        const missing = lost.filter((index) => index < last).length * size;
        assert.equal(counts["samples.missing"] ?? 0, missing);
      },
    ),
  );
});

test("whatever comes, the run stays contiguous, the waiting bounded, and every byte is accounted for", () => {
  const hostile = fc.record({
    timestampMs: fc.oneof(
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: -10, max: 700_000 }),
      fc.double({ min: -5, max: 1000 }),
    ),
    mulaw: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(
      fc.array(hostile, { maxLength: 40 }),
      fc.integer({ min: 0, max: 6 }),
      (packets, windowPackets) => {
        const { timeline, counters } = setUp({ windowPackets });
        const spans: Span[] = [];
        const taken: Packet[] = [];
        for (const packet of packets) {
          try {
            spans.push(...timeline.push(packet));
            taken.push(packet);
          } catch (error) {
            assert.ok(error instanceof LinescribeError && error.code === "STREAM_BAD_MESSAGE", String(error));
          }
        }
        const before = spans.filter(({ received }) => received).length;
        spans.push(...timeline.flush());
        assert.ok(spans.filter(({ received }) => received).length - before <= windowPackets);
        assertContiguous(spans);
        assert.deepEqual(timeline.flush(), []);

        const emitted = spans.filter(({ received }) => received);
        const gone = counters.get("packets.late") + counters.get("packets.duplicate");
        const empty = taken.filter(({ mulaw }) => mulaw.length === 0).length;
        assert.equal(emitted.length + gone + empty, taken.length);
        assert.equal(counters.get("packets.received"), taken.length);
        const silence = spans.reduce((sum, { mulaw, received }) => sum + (received ? 0 : mulaw.length), 0);
        assert.equal(counters.get("samples.missing"), silence);
      },
    ),
    { numRuns: 500 },
  );
});
