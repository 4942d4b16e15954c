import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { LinescribeError } from "../../src/base/error.ts";
import type { RecognisedText, RecognitionJob, RecognitionRequest } from "../../src/call/ports.ts";
import type { TranscriptWord } from "../../src/transcript/event.ts";
import { splitAt } from "../audio/split.ts";
import { ScriptedRecogniser } from "../call/fakes.ts";
import { settle } from "../call/rig.ts";
import { bytesOf, inShort, sessionsOf } from "./rig.ts";

const FLOAT = { encoding: "float32" } as const;
const FIXED = { mode: "fixed", chunkMs: 3000, overlapMs: 500 } as const;
const RATE_HZ = 16_000;

/**
 * Hears what is written in the samples: each spoken word is a constant, and its number is told by how loud it is. Cut
 * words are heard as `hm`.
 */
class Reader extends ScriptedRecogniser {
  failing = false;
  readonly pieces: number[] = [];
  pendingSeconds = 0;
  readonly language = (tag: string) => tag;

  override submit({ pcm16k, language, priority }: RecognitionRequest): RecognitionJob {
    if (priority === "final") this.pieces.push(pcm16k.length / (RATE_HZ / 1000));
    const words: TranscriptWord[] = [];
    for (let at = 0; at < pcm16k.length; ) {
      const level = pcm16k[at] as number;
      let end = at;
      while (end < pcm16k.length && pcm16k[end] === level) end += 1;
      const [startMs, endMs] = [Math.round(at / 16), Math.round(end / 16)];
      if (level > 0) {
        const word = endMs - startMs < 299 ? "hm" : `w${Math.round((level - 0.1) * 1000)}`;
        words.push({ word, startMs, endMs, confidence: 0.9 });
      }
      at = end;
    }
    const text = words.map(({ word }) => word).join(" ");
    const result: RecognisedText = { text, logprob: -0.1, noSpeech: 0, language, words };
    const lost = new LinescribeError("ASR_TIMEOUT", "as the test wants");
    const answer = this.failing && priority === "final" ? Promise.reject(lost) : Promise.resolve(result);
    return { answer, promote() {}, drop() {} };
  }
}

/** Words of 300 ms, each at its time, ms. */
function spoken(lengthMs: number, startsMs: readonly number[]): Uint8Array {
  const f32 = new Float32Array(lengthMs * 16);
  for (const [index, startMs] of startsMs.entries())
    f32.fill(0.1 + index / 1000, startMs * 16, (startMs + 300) * 16);
  return bytesOf(f32, FLOAT);
}

function open(t: TestContext, recogniser = new Reader()) {
  const rig = sessionsOf(t, { recogniser });
  return { ...rig, recogniser, ...rig.open({ chunking: FIXED }) };
}

const finals = (events: Parameters<typeof inShort>[0]) =>
  events.flatMap((event) => (event.type === "transcript.final" ? [event] : []));

test("every word is told once and in order, wherever the joins fall and however the bytes are split", async (t) => {
  const words = fc.array(fc.integer({ min: 310, max: 900 }), { minLength: 1, maxLength: 40 });
  const sizes = fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(words, sizes, async (gapsMs, parts) => {
      const { session, told } = open(t);
      let atMs = 0;
      const startsMs = gapsMs.map((ms) => {
        atMs += ms;
        return atMs;
      });
      for (const part of splitAt(spoken(atMs + 700, startsMs), parts)) session.push(part);
      await session.end("stream_stopped");
      const text = finals(told.events).flatMap(({ text }) => text.split(" "));
      assert.deepEqual(
        text,
        startsMs.map((_, index) => `w${index}`),
      );
      let reachedMs = 0;
      for (const { words, startMs, endMs } of finals(told.events)) {
        assert.deepEqual([words[0]?.startMs, words.at(-1)?.endMs], [startMs, endMs]);
        for (const word of words) {
          assert.ok(word.startMs >= reachedMs);
          reachedMs = word.endMs;
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("windows of 3 s overlap by half a second and are given a little silence before them, and those in which nobody speaks are not recognised", async (t) => {
  const { session, told, recogniser } = open(t);
  session.push(spoken(14_000, [1000, 11_000]));
  await session.end("stream_stopped");
  assert.deepEqual(recogniser.pieces, [3000, 3208]);
  assert.deepEqual(inShort(told.events), [
    "1 call.started",
    "2 final 1 1000-1300: w0",
    "3 final 5 11000-11300: w1",
    "4 ended stream_stopped 14000 ms, 2 finals, 0 gaps",
  ]);
});

test("an end within the overlap, and one in the first second, lose nothing", async (t) => {
  for (const lengthMs of [3000, 3100, 2990, 5500, 700]) {
    const { session, told } = open(t);
    session.push(spoken(lengthMs, [lengthMs - 400]));
    await session.end("stream_stopped");
    assert.equal(
      finals(told.events)
        .map(({ text }) => text)
        .join(),
      "w0",
      `${lengthMs} ms`,
    );
  }
});

test("a flush tells what was held for the next window, and nothing twice", async (t) => {
  const { session, told } = open(t);
  const bytes = spoken(9000, [1000, 2600, 4000, 6000]);
  session.push(bytes.subarray(0, 4 * 16 * 3200));
  await session.flush();
  assert.deepEqual(
    finals(told.events)
      .map(({ text }) => text)
      .join(" "),
    "w0 w1",
  );
  session.push(bytes.subarray(4 * 16 * 3200));
  await session.end("stream_stopped");
  assert.deepEqual(
    finals(told.events)
      .map(({ text }) => text)
      .join(" "),
    "w0 w1 w2 w3",
  );
});

test("a window that is not recognised is a gap, and the words before it are told", async (t) => {
  const { session, told, recogniser } = open(t);
  const bytes = spoken(9000, [1000, 2600, 4000, 7000]);
  session.push(bytes.subarray(0, 4 * 16 * 3100));
  await settle();
  recogniser.failing = true;
  session.push(bytes.subarray(4 * 16 * 3100, 4 * 16 * 5700));
  await settle();
  recogniser.failing = false;
  session.push(bytes.subarray(4 * 16 * 5700));
  await session.end("stream_stopped");
  const texts = finals(told.events).map(({ text }) => text);
  assert.equal(texts.join(" "), "w0 w1 w3");
  assert.ok(inShort(told.events).some((line) => /gap 1 2500-5000 not_recognised/.test(line)));
});

test("partials of a window come from its first second on", async (t) => {
  const { session, told } = open(t);
  for (const part of splitAt(spoken(2900, [100, 900, 1700]), [4 * 16 * 100])) {
    session.push(part);
    await settle();
  }
  assert.ok(told.partials.length > 0);
  assert.ok(told.partials.every(({ endMs, utterance }) => endMs > 1000 && utterance === 1));
  await session.end("stream_stopped");
});

test("without speech detection every window is recognised", async (t) => {
  const { session, told, detector, recogniser } = open(t);
  const bytes = spoken(9000, [1000, 4000]);
  session.push(bytes.subarray(0, 4 * 16 * 500));
  detector.fail();
  session.push(bytes.subarray(4 * 16 * 500));
  await session.end("stream_stopped");
  assert.equal(
    finals(told.events)
      .map(({ text }) => text)
      .join(" "),
    "w0 w1",
  );
  assert.equal(recogniser.pieces.length, 4);
});
