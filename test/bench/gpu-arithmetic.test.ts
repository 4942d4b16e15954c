import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decoderWeights,
  encoderFlops,
  positionsOf,
  stepBytes,
  storedBytes,
  type WhisperSizes,
} from "../../bench/gpu/arithmetic.ts";
import { decoderLayers } from "../../bench/gpu/decoder-layers.ts";
import { openModel } from "../../bench/gpu/model.ts";

const BASE: WhisperSizes = {
  width: 512,
  encoderLayers: 6,
  decoderLayers: 6,
  melBands: 80,
  vocabulary: 51_865,
  tailPool: 8,
  tailBlocks: 64,
};

test("the encoder of whisper-base takes 4,733,337,600 operations for 100 positions, as counted by hand", () => {
  // Of each layer: four products of 100 x 512 x 512, two of 100 x 512 x 2048, and scores and sums of 100 x 100 x 512.
  const layer = 2 * (4 * 100 * 512 * 512 + 2 * 100 * 512 * 2048 + 2 * 100 * 100 * 512);
  assert.equal(layer, 649_625_600);
  // Kernels of three: 200 mel frames from 80 to 512, 100 positions from 512 to 512.
  const [first, second] = [2 * 200 * 3 * 80 * 512, 2 * 100 * 3 * 512 * 512];
  assert.deepEqual([first, second], [49_152_000, 157_286_400]);
  const keysAndValues = 6 * 2 * 2 * 100 * 512 * 512;
  assert.equal(keysAndValues, 629_145_600);
  assert.equal(encoderFlops(BASE, 100), 6 * layer + first + second + keysAndValues);
  assert.equal(encoderFlops(BASE, 100), 4_733_337_600);
});

test("a step of whisper-base reads 48,574,976 weights and what its rows remember", () => {
  // Six layers of 14 x 512 x 512, and the projection of 512 onto 51,865.
  assert.deepEqual(decoderWeights(BASE), { layers: 22_020_096, embedding: 26_554_880 });
  const half = { weight: 2, embedding: 4, cache: 2 };
  const weights = 2 * 22_020_096 + 4 * 26_554_880;
  // One row, 100 positions, 64 blocks of tail, 12 tokens said: keys and values of 176 places in six layers.
  const remembered = 2 * 6 * 512 * 176;
  assert.equal(stepBytes(BASE, half, { rows: 1, positions: 100, said: 12 }), weights + 2 * remembered);
  assert.equal(stepBytes(BASE, half, { rows: 64, positions: 100, said: 12 }), weights + 64 * 2 * remembered);
});

test("twice the rows of a batch read twice what is remembered and the same weights", () => {
  const size = fc.integer({ min: 1, max: 2000 });
  fc.assert(
    fc.property(size, size, fc.integer({ min: 0, max: 448 }), (rows, positions, said) => {
      const bytes = (count: number) =>
        stepBytes(BASE, { weight: 1, embedding: 1, cache: 1 }, { rows: count, positions, said });
      const weights = 48_574_976;
      assert.equal(bytes(2 * rows) - weights, 2 * (bytes(rows) - weights));
    }),
  );
});

test("numbers are as wide as the precision of the metadata says", () => {
  assert.deepEqual(storedBytes("float"), { weight: 4, embedding: 4, cache: 4 });
  assert.deepEqual(storedBytes("float16"), { weight: 2, embedding: 4, cache: 2 });
  assert.deepEqual(storedBytes("int8"), { weight: 1.125, embedding: 1.125, cache: 4 });
  assert.deepEqual(storedBytes("int8-rows"), { weight: 1.125, embedding: 1.125, cache: 4 });
});

test("an utterance has a position for each 20 ms and half a second of silence, in whole blocks of the tail", () => {
  assert.equal(positionsOf(2, BASE), 128);
  assert.equal(positionsOf(0.1, BASE), 80);
  assert.equal(positionsOf(5, { tailPool: 0 }), 1500);
});

test("the committed model is whisper-base, its decoder's layers counted by the names of its weights", async () => {
  const model = await openModel("whisper-base", "cpu");
  assert.deepEqual(model.sizes, BASE);
  assert.equal(await decoderLayers(model.tokenizerPath), 0, "no weights in a tokenizer");
});
