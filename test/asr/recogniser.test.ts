import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { readOnnxProperties } from "../../src/asr/metadata.ts";
import { Recogniser } from "../../src/asr/recogniser.ts";
import type { RecogniserOptions } from "../../src/asr/recogniser-options.ts";
import { silentLogger } from "../../src/base/log.ts";
import { WatchedCounters } from "../base/watched-counters.ts";
import { clipsIn, MODEL, samplesOf } from "./clips.ts";
import { onnxFile } from "./onnx-file.ts";

/** No answer is worth waiting longer for: a promise that hangs fails its test. */
const timeout = 60_000;

const english = clipsIn("en").slice(0, 4);
const utterances = english.map((clip) => ({ pcm16k: samplesOf(clip), language: "en" }));
const one = utterances.slice(0, 1);

/** Started once: loading the model takes longer than most tests. */
let shared: Recogniser;
const counters = new WatchedCounters();
before(async () => {
  shared = await Recogniser.start(optionsOf(counters, { queueMaximum: 4, rules: { rows: 2 } }));
});
after(() => shared.close());

let texts: Promise<string[]> | null = null;
/** What the utterances are heard as, undisturbed. */
function expectedTexts(): Promise<string[]> {
  texts ??= Promise.all(shared.recognise(utterances).map(outcome));
  return texts;
}

function optionsOf(counted: WatchedCounters, more: Partial<RecogniserOptions> = {}): RecogniserOptions {
  return { ...MODEL, workers: 1, threads: 1, beam: 1, logger: silentLogger, counters: counted, ...more };
}

/** Makes the worker fail over a message that it does not expect, with what it was sent before unanswered. */
function _kill(recogniser: Recogniser): void {
  recogniser.workers[0]?.postMessage(null);
}

/** The code that a promise rejects with, or its text. */
const outcome = (answer: Promise<{ text: string }>) =>
  answer.then(
    ({ text }) => text,
    ({ code }) => code as string,
  );

test("utterances that wait are recognised in batches, each answered for itself", { timeout }, async () => {
  const batches = counters.get("asr.batches");
  const busyMs = counters.get("asr.busyMs.final");
  const answers = await Promise.all(shared.recognise(utterances));
  for (const [index, { text }] of answers.entries()) {
    const words = (content: string) => content.toLowerCase().match(/[a-z]+/g) ?? [];
    const heard = new Set(words(text));
    const known = words(english[index]?.text ?? "").filter((word) => heard.has(word));
    assert.ok(known.length > 0, `"${text}" for "${english[index]?.text}"`);
  }
  assert.ok(counters.get("asr.batches") - batches < utterances.length);
  assert.ok(counters.get("asr.busyMs.final") > busyMs);
  assert.equal(shared.pendingSeconds, 0);
  assert.equal(shared.queued, 0);
});

test("a final goes before the files that came first, files are answered all the same, and count as nobody's wait", {
  timeout,
}, async () => {
  const audio = one[0] as (typeof one)[number];
  const order: string[] = [];
  const submit = (priority: "file" | "final", name: string) => {
    const job = shared.submit({ ...audio, priority, source: name });
    return job.answer.then((answer) => order.push(answer === null ? `${name} dropped` : name));
  };
  // The first is with the only worker; the others wait.
  const files = ["f1", "f2", "f3"].map((name) => submit("file", name));
  assert.equal(shared.pendingSeconds, 0);
  const unwanted = shared.submit({ ...audio, priority: "file", source: "f4" });
  const final = submit("final", "live");
  unwanted.drop();
  assert.equal(await unwanted.answer, null);
  await Promise.all([...files, final]);
  assert.deepEqual(order.slice(0, 2), ["f1", "live"]);
  assert.deepEqual(order.slice(2).sort(), ["f2", "f3"]);
  assert.equal(shared.queued, 0);
});

test("one utterance more than the queue holds is refused, and the others are answered", {
  timeout,
}, async () => {
  // One is with the worker, four wait.
  const first = shared.recognise(one);
  const waiting = shared.recognise(utterances);
  const [refused] = shared.recognise(one);
  assert.equal(await outcome(refused as Promise<{ text: string }>), "ASR_OVERLOADED");
  await Promise.all([...first, ...waiting]);
  assert.equal(shared.pendingSeconds, 0);
});

test("what is not wanted any more is dropped before it costs an inference, and what is promoted is a final", {
  timeout,
}, async () => {
  const before = counters.get("asr.recognitions.partial") + counters.get("asr.recognitions.speculative");
  const audio = one[0] as (typeof one)[number];
  const submit = (priority: "speculative" | "partial", source: string) =>
    shared.submit({ ...audio, priority, source });
  // Its worker is busy: all of these wait.
  const [first] = shared.recognise(one);
  const superseded = submit("partial", "a");
  const newest = submit("partial", "a");
  const wrong = submit("speculative", "b");
  const right = submit("speculative", "c");
  assert.equal(shared.queued, 3);
  assert.ok(shared.pendingSeconds > 2.9 * (audio.pcm16k.length / 16_000));
  wrong.drop();
  right.promote();
  assert.throws(() => right.drop(), TypeError);
  const [expected, ...answers] = await Promise.all([
    first,
    superseded.answer,
    newest.answer,
    wrong.answer,
    right.answer,
  ]);
  assert.deepEqual(
    answers.map((answer) => answer?.text ?? null),
    [null, expected?.text, null, expected?.text],
  );
  const after = counters.get("asr.recognitions.partial") + counters.get("asr.recognitions.speculative");
  assert.equal(after - before, 1);
  assert.equal(shared.pendingSeconds, 0);
  assert.equal(shared.partialIntervalMs !== null, true);
});

test("what cannot be recognised is refused by name and costs its neighbours nothing", {
  timeout,
}, async () => {
  const seconds = (length: number, value: number) =>
    new Float32Array(Math.round(length * 16_000)).fill(value);
  const poisoned = (value: number) => seconds(1, 0).fill(value, 9000, 9001);
  const refused: [string, string, Float32Array, string][] = [
    ["not a number", "ASR_BAD_AUDIO", poisoned(Number.NaN), "en"],
    ["infinite", "ASR_BAD_AUDIO", poisoned(Number.NEGATIVE_INFINITY), "en"],
    ["16-bit scale", "ASR_BAD_AUDIO", poisoned(-32_768), "en"],
    ["nothing", "ASR_TOO_SHORT", seconds(0, 0), "en"],
    ["one sample", "ASR_TOO_SHORT", Float32Array.of(1), "en"],
    ["half an hour", "ASR_TOO_LONG", seconds(1800, Number.NaN), "en"],
    ["Klingon", "ASR_BAD_LANGUAGE", seconds(1, 0), "tlh"],
    ["a tag instead of a code", "ASR_BAD_LANGUAGE", seconds(1, 0), "en-US"],
  ];
  const before = counters.get("asr.utterancesRefused");
  const expected = await expectedTexts();
  const [first, second, ...others] = utterances as [(typeof utterances)[0], (typeof utterances)[0]];
  const answers = shared.recognise([
    first,
    ...refused.map(([, , pcm16k, language]) => ({ pcm16k, language })),
    second,
    ...others,
  ]);
  const outcomes = await Promise.all(answers.map(outcome));
  assert.deepEqual(
    outcomes.slice(1, 1 + refused.length).map((code, index) => [refused[index]?.[0], code]),
    refused.map(([what, code]) => [what, code]),
  );
  assert.deepEqual([outcomes[0], ...outcomes.slice(1 + refused.length)], expected);
  assert.equal(counters.get("asr.utterancesRefused") - before, refused.length);
  assert.equal(shared.pendingSeconds, 0);
  const partial = shared.submit({
    pcm16k: Float32Array.of(0),
    language: "en",
    priority: "partial",
    source: "a",
  });
  await assert.rejects(partial.answer as Promise<unknown>, { code: "ASR_TOO_SHORT" });
});

test("strange but valid sound is recognised, and its neighbours' text is the same", { timeout }, async () => {
  const [clean] = utterances as [(typeof utterances)[0]];
  const like = (sample: (value: number, at: number) => number) => ({
    pcm16k: clean.pcm16k.map(sample),
    language: "en",
  });
  const [text] = await expectedTexts();
  const strange = {
    silent: like(() => 0),
    "all ones": like(() => 1),
    "full scale": like((_, at) => (at % 2 === 0 ? 1 : -1)),
    clipped: like((value) => Math.max(-1, Math.min(1, 50 * value))),
    "with an offset": like((value) => value + 0.8),
    "far too quiet": like((value) => value * 1e-30),
  };
  for (const [name, other] of Object.entries(strange)) {
    const [heard, beside] = await Promise.all(shared.recognise([other, clean]).map(outcome));
    assert.equal(beside, text, name);
    if (["silent", "all ones", "far too quiet"].includes(name)) assert.equal(heard, "", name);
  }
});

test("a model that is missing or cannot be loaded fails the start", { timeout }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-recogniser-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const modelPath = path.join(folder, "model.onnx");
  const starting = () => Recogniser.start(optionsOf(new WatchedCounters(), { modelPath }));
  await assert.rejects(starting, { code: "MODEL_MISSING" });
  writeFileSync(modelPath, onnxFile(await readOnnxProperties(MODEL.modelPath)));
  await assert.rejects(starting, { code: "MODEL_ALTERED" });
});
