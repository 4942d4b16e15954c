import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, LIMITS, speedLimit } from "../../bench/accuracy/limits.ts";
import { normalizeBasic } from "../../bench/accuracy/normalize.ts";
import { halfOfName, halfOfSpeakers, type Pair, scoreRow } from "../../bench/accuracy/score.ts";

const pair = (id: string, speaker: string, reference = "a b", hypothesis = "a b"): Pair => ({
  id,
  speakers: [speaker],
  reference,
  hypothesis,
});

test("speakers are in the half that the committed split says, or in none", () => {
  assert.equal(halfOfSpeakers(pair("x", "1089")), "tune");
  assert.equal(halfOfSpeakers(pair("x", "121")), "report");
  assert.equal(halfOfSpeakers({ ...pair("x", "1089"), speakers: ["1089", "121"] }), null);
});

test("names of prompts are in two halves of about the same size, for good", () => {
  const halves = Array.from({ length: 1000 }, (_, index) => halfOfName(pair(`en/prompt-${index}`, "x")));
  const tune = halves.filter((half) => half === "tune").length;
  assert.ok(tune > 400 && tune < 600, `${tune} of 1000`);
  assert.equal(halfOfName(pair("en/vm-goodbye", "x")), "report");
  assert.equal(halfOfName(pair("en/vm-press", "x")), "tune");
  assert.equal(halfOfName({ id: "en/vm-press+7" }), "tune");
});

test("a row has the errors of all pairs and of either half", () => {
  const row = scoreRow(
    "x",
    [pair("1", "1089", "one word"), pair("2", "121"), pair("3", "nobody")],
    halfOfSpeakers,
  );
  assert.equal(row.all.words, 6);
  assert.deepEqual([row.tune, row.report, row.all.wer], [1, 0, 2 / 6]);
  assert.equal(scoreRow("x", [pair("1", "1089")], halfOfSpeakers).tune, null);
});

test("accents, symbols and the spelling of small numbers are no errors outside English", () => {
  assert.equal(normalizeBasic("¡Marque 1, por favor, el número!", "es"), "marque 1 por favor el numero");
  assert.equal(normalizeBasic("Marque uno por favor el numero", "es"), "marque 1 por favor el numero");
  assert.equal(normalizeBasic("Нажмите ещё семь.", "ru"), normalizeBasic("нажмите еще 7", "ru"));
  assert.equal(normalizeBasic("una persona", "it"), "una persona");
});

test("a goal is met or missed by so much, and only beyond the limit does the check fail", () => {
  const limit = { ...LIMITS.isolated, goal: 6.7, limit: 7.2 };
  assert.deepEqual(judge(limit, 6.7), { text: `${limit.name}: 6.7 %, goal 6.7 met`, failed: false });
  assert.match(judge(limit, 7).text, /goal 6\.7 missed by 0\.3/);
  assert.equal(judge(limit, 7.2).failed, false);
  assert.equal(judge(limit, 7.21).failed, true);
  assert.equal(judge(LIMITS.digits, LIMITS.digits.limit - 1).failed, true);
  assert.equal(judge(LIMITS.digits, 60).failed, false);
});

test("a slower machine owes less speed, a faster one no more", () => {
  assert.equal(speedLimit(180).limit, 15);
  assert.equal(speedLimit(720).limit, 30);
  assert.equal(judge(speedLimit(360), 29.9).failed, true);
});
