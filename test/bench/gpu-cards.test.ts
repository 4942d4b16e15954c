import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isGoalCard, peakOf } from "../../bench/gpu/cards.ts";
import { verdictOf } from "../../bench/gpu/goals.ts";
import { parseSample, useOf } from "../../bench/gpu/nvidia-smi.ts";
import { peakOfPlace } from "../../bench/gpu/place.ts";

test("a card's peaks are found by the name that nvidia-smi gives it", () => {
  const peaks = (name: string) => {
    const { gflops, gbs } = peakOf(name) ?? {};
    return [gflops, gbs];
  };
  assert.deepEqual(peaks("NVIDIA H100 80GB HBM3"), [989_400, 3350]);
  assert.deepEqual(peaks("NVIDIA H100 PCIe"), [756_000, 2000]);
  assert.deepEqual(peaks("NVIDIA H200"), [989_400, 4800]);
  assert.deepEqual(peaks("NVIDIA A100-SXM4-80GB"), [312_000, 2039]);
  assert.deepEqual(peaks("NVIDIA L40S"), [362_000, 864]);
  assert.deepEqual(peaks("Tesla T4"), [65_000, 320]);
  assert.deepEqual(peaks("NVIDIA GeForce RTX 4090"), [165_200, 1008]);
});

test("a card of a similar name is another card, and nothing is said of its peaks", () => {
  for (const name of [
    "NVIDIA A10G",
    "NVIDIA L40",
    "NVIDIA GeForce RTX 4090 Laptop GPU",
    "NVIDIA GeForce RTX 4090 D",
    "NVIDIA H100",
    "toString",
    "",
  ])
    assert.equal(peakOf(name), null, name);
});

test("peaks that were given count before those of the table, and each may be given alone", async () => {
  const card = { name: "NVIDIA L4", uuid: "GPU-0", driver: "550.54", totalBytes: 24e9 };
  const place = { device: { kind: "cuda", card: 0 }, card } as const;
  const none = { peakGflops: null, peakGbs: null };
  assert.deepEqual(await peakOfPlace(place, none, 1), { gflops: 121_000, gbs: 300, source: "L4 data sheet" });
  assert.deepEqual(await peakOfPlace(place, { ...none, peakGbs: 280 }, 1), {
    gflops: 121_000,
    gbs: 280,
    source: "--peak-gbs, L4 data sheet",
  });
  const unknown = { ...place, card: { ...card, name: "NVIDIA A10G" } };
  assert.equal(await peakOfPlace(unknown, { ...none, peakGbs: 280 }, 1), null);
  const given = await peakOfPlace(unknown, { peakGflops: 70_000, peakGbs: 600 }, 1);
  assert.deepEqual(given, { gflops: 70_000, gbs: 600, source: "--peak-tflops, --peak-gbs" });
});

test("whatever nvidia-smi prints, numbers of a sample are numbers", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("0", "9", ",", " ", "N", "[", ".", "-", "e") }), (text) => {
      for (const value of Object.values(parseSample(text) ?? {}))
        assert.ok(value === null || (Number.isFinite(value) && value >= 0));
    }),
  );
});

test("power is told as what it was mostly and at most, and not at all where the driver does not tell", () => {
  const samples = ["70.12, 2100, 0", "310.50, 9000, 97", "305.00, 9100, 98"].map(parseSample);
  assert.deepEqual(useOf(samples.filter((sample) => sample !== null)), {
    wattsP50: 305,
    wattsMax: 310.5,
    usedMibMax: 9100,
    busyPercentP50: 97,
  });
  const untold = parseSample("[Not Supported], 2100, [N/A]");
  assert.deepEqual(untold, { watts: null, usedMib: 2100, busyPercent: null });
  assert.deepEqual(useOf(untold ? [untold] : []), {
    wattsP50: null,
    wattsMax: null,
    usedMibMax: 2100,
    busyPercentP50: null,
  });
  assert.equal(parseSample("Unable to determine the device handle"), null);
});

const SIZES = { melBands: 80, vocabulary: 51_865, tailPool: 8, tailBlocks: 64 };
const BASE = { ...SIZES, width: 512, encoderLayers: 6, decoderLayers: 6 };
const PLAYED = { callMs: 45_000, tokensPerSecond: null };
const TURBO = { ...SIZES, width: 1280, encoderLayers: 32, decoderLayers: 4 };

test("goals are judged on an H100 or H200 only, each for its shape of model", () => {
  const card = "NVIDIA H100 80GB HBM3";
  assert.equal(verdictOf(card, BASE, 2000, PLAYED).missed, false);
  assert.equal(verdictOf(card, BASE, 1999, PLAYED).missed, true);
  assert.equal(verdictOf("NVIDIA H200", TURBO, 560, PLAYED).missed, true);
  assert.equal(verdictOf("NVIDIA H200", TURBO, 600, PLAYED).missed, false);
  const unmeasured = [
    verdictOf(null, BASE, 3, PLAYED),
    verdictOf("NVIDIA L4", BASE, 300, PLAYED),
    verdictOf(card, { ...TURBO, decoderLayers: 32 }, 100, PLAYED),
    verdictOf(card, BASE, null, PLAYED),
  ];
  for (const { text, missed } of unmeasured) {
    assert.match(text, /^the goals were not measured: /);
    assert.equal(missed, false);
  }
  assert.deepEqual(
    ["NVIDIA H100 PCIe", "NVIDIA H200 NVL", "NVIDIA A100-SXM4-80GB", "NVIDIA GH200 480GB"].map(isGoalCard),
    [true, true, false, false],
  );
});

test("goals are judged by calls long enough, and by random weights only where those are made to work enough", () => {
  const card = "NVIDIA H100 80GB HBM3";
  const random = { ...PLAYED, tokensPerSecond: 3.5 };
  assert.equal(
    verdictOf(card, TURBO, 600, random).text,
    "the shape of large-v3-turbo, random weights, 3.5 tokens/s: 600 calls held with partials, at least the goal of 561",
  );
  assert.equal(verdictOf(card, TURBO, 500, random).missed, true);
  const unmeasured = [
    verdictOf(card, BASE, 5000, random),
    verdictOf(card, TURBO, 5000, { ...random, tokensPerSecond: 3.4 }),
    verdictOf(card, TURBO, 5000, { ...random, callMs: 44_000 }),
    verdictOf(card, BASE, 1, { ...PLAYED, callMs: 5000 }),
  ];
  for (const { text, missed } of unmeasured) {
    assert.match(text, /^the goals were not measured: /);
    assert.equal(missed, false);
  }
});
