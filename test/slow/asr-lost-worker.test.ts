/**
 * What becomes of utterances whose worker is lost, beyond what the quick suite has time for: each worker loads a model.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Recogniser } from "../../src/asr/recogniser.ts";
import { silentLogger } from "../../src/base/log.ts";
import { clipsIn, MODEL, samplesOf } from "../asr/clips.ts";
import { WatchedCounters } from "../base/watched-counters.ts";

const timeout = 120_000;
const utterances = clipsIn("en")
  .slice(0, 4)
  .map((clip) => ({ pcm16k: samplesOf(clip), language: "en" }));
const one = utterances.slice(0, 1);

let shared: Recogniser;
const counters = new WatchedCounters();
before(async () => {
  shared = await Recogniser.start({
    ...MODEL,
    workers: 1,
    threads: 1,
    beam: 1,
    logger: silentLogger,
    counters,
    rules: { rows: 2 },
  });
});
after(() => shared.close());

/** Makes the worker fail over a message that it does not expect, with what it was sent before unanswered. */
function kill(recogniser: Recogniser): void {
  recogniser.workers[0]?.postMessage(null);
}

/** The code that a promise rejects with, or its text. */
const outcome = (answer: Promise<{ text: string }>) =>
  answer.then(
    ({ text }) => text,
    ({ code }) => code as string,
  );

test("a file whose worker dies is tried again like a final", { timeout }, async () => {
  const audio = one[0] as (typeof one)[number];
  const lost = counters.get("asr.workersLost");
  kill(shared);
  const { answer } = shared.submit({ ...audio, priority: "file", source: "f" });
  assert.ok((await answer)?.text);
  assert.equal(counters.get("asr.workersLost"), lost + 1);
});

test("a lost worker costs partials and speculative finals, which nobody waits for twice", {
  timeout,
}, async () => {
  const lost = counters.get("asr.workersLost");
  const audio = one[0] as (typeof one)[number];
  kill(shared);
  const partial = shared.submit({ ...audio, priority: "partial", source: "a" });
  await counters.reach("asr.workersLost", lost + 1);
  assert.equal(await partial.answer, null);
  assert.notEqual((await shared.recognise(one)[0])?.text, "");
});

test("an utterance whose worker dies twice is given up, and the next is recognised", {
  timeout,
}, async () => {
  const lost = counters.get("asr.workersLost");
  kill(shared);
  const [first, second] = shared.recognise(utterances.slice(0, 2));
  await counters.reach("asr.workersLost", lost + 1);
  // The next worker is loading; it finds this message before its first batch.
  kill(shared);
  assert.equal(await outcome(first as Promise<{ text: string }>), "ASR_WORKER_LOST");
  assert.notEqual((await second)?.text, "");
});

test("a worker that dies within a batch is replaced, and everything is answered", { timeout }, async () => {
  const expected = await Promise.all(shared.recognise(utterances).map(outcome));
  const lost = counters.get("asr.workersLost");
  const retries = counters.get("asr.retries");
  // The message that kills it lies before the batch: behind it, a fast worker would have answered first.
  kill(shared);
  const answers = shared.recognise(utterances);
  assert.deepEqual(await Promise.all(answers.map(outcome)), expected);
  assert.equal(counters.get("asr.workersLost"), lost + 1);
  assert.equal(counters.get("asr.retries"), retries + 2);
});
