import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Card, parseCards, visibleCards } from "../../src/cards/card.ts";
import { H100, L4 } from "./rig.ts";

/** As the driver prints it. */
function lineOf({ index, uuid, totalBytes, freeBytes, architecture, driver, name }: Card): string {
  const mebibytes = (bytes: number | null) => (bytes === null ? "[N/A]" : String(bytes / (1 << 20)));
  const capability = `${Math.floor(architecture / 10)}.${architecture % 10}`;
  return [index, uuid, mebibytes(totalBytes), mebibytes(freeBytes), capability, driver, name].join(", ");
}

const word = fc.stringMatching(/^[A-Za-z0-9/()-]{1,12}$/);
const memory = fc.option(fc.integer({ min: 0, max: 300_000 }).map((count) => count * (1 << 20)));
const card = fc.record({
  index: fc.constant(0),
  uuid: fc.uuid().map((text) => `GPU-${text}`),
  totalBytes: memory,
  freeBytes: memory,
  architecture: fc.integer({ min: 30, max: 129 }),
  driver: fc.tuple(fc.nat(999), fc.nat(999)).map((parts) => parts.join(".")),
  name: fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join(" ")),
});

test("what the driver prints of any cards is what is read of them", () => {
  fc.assert(
    fc.property(fc.array(card, { maxLength: 16 }), fc.constantFrom("\n", "\r\n"), (cards, lineEnd) => {
      const numbered = cards.map((one, index) => ({ ...one, index }));
      assert.deepEqual(parseCards(numbered.map((one) => lineOf(one) + lineEnd).join("")), numbered);
    }),
  );
});

/** Whatever bytes a pipe may bring. */
const latin1 = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));

test("a line that is spoiled in one place is refused, or says something that may be true", () => {
  const noise = fc.tuple(fc.nat(H100.length - 1), latin1);
  fc.assert(
    fc.property(noise, ([at, text]) => {
      let cards: Card[];
      try {
        cards = parseCards(H100.slice(0, at) + text + H100.slice(at + text.length));
      } catch (error) {
        assert.match((error as Error).message, /^expected /);
        assert.match((error as Error).message, /^[\x20-\x7e]{1,250}$/);
        return;
      }
      for (const { index, architecture, freeBytes, name } of cards) {
        assert.equal(index, 0);
        assert.ok(architecture > 0 && architecture < 1000);
        assert.ok(freeBytes === null || (Number.isSafeInteger(freeBytes) && freeBytes >= 0));
        assert.match(name, /^[\x20-\x7e]{1,100}$/);
      }
    }),
    { numRuns: 400 },
  );
});

test("every field is checked, and the message names the line", () => {
  const fields = H100.split(", ");
  const wrong: [number, string, RegExp][] = [
    [0, "x", /the index/],
    [0, "1", /expected card 0, got card 1/],
    [1, "MIG-1", /the UUID/],
    [2, "81559 MiB", /mebibytes/],
    [3, "-1", /mebibytes/],
    [4, "9", /compute capability/],
    [5, "", /version of a driver/],
    [6, "", /the name/],
  ];
  for (const [at, text, message] of wrong) {
    const line = fields.with(at, text).join(", ");
    assert.throws(() => parseCards(line), { message });
  }
  assert.throws(() => parseCards(`${H100}\n`.repeat(65)), /at most 64/);
  assert.equal(
    parseCards(fields.with(6, "A card, with a comma").join(", "))[0]?.name,
    "A card, with a comma",
  );
});

test("CUDA counts the cards that CUDA_VISIBLE_DEVICES leaves it, in that order", () => {
  const cards = parseCards(`${H100}\n${L4}`);
  const names = (visible: string | undefined) =>
    visibleCards(cards, visible).map(({ index, name }) => `${index} ${name.split(" ")[1]}`);
  assert.deepEqual(names(undefined), ["0 H100", "1 L4"]);
  assert.deepEqual(names("1,0"), ["0 L4", "1 H100"]);
  assert.deepEqual(names("1"), ["0 L4"]);
  assert.deepEqual(names("GPU-aaaa"), ["0 L4"]);
  assert.deepEqual(names("0,7,1"), ["0 H100"]);
  assert.deepEqual(names("0,0,1"), ["0 H100"]);
  assert.deepEqual(names("-1"), []);
  assert.deepEqual(names("GPU-"), []);
  const alike = parseCards(`${H100}\n${L4.replace("GPU-aaaa", "GPU-1111")}`);
  assert.deepEqual(visibleCards(alike, "GPU-1111"), [], "a beginning that two have names neither");
});
