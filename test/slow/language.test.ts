import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { callFromClips } from "../../src/cli/replay/sound-call.ts";
import { wordErrorRate } from "../../src/score/wer.ts";
import { clipsIn, mulawOf } from "../asr/clips.ts";
import { type Rig, startRig } from "../e2e/rig.ts";

/**
 * Word error rate that whisper-base stays below on the three longest prompts of each language, in lower case and without
 * punctuation. What was measured is beside it.
 */
const LIMITS: readonly (readonly [language: string, limit: number])[] = [
  ["en", 0.1],
  ["es", 0.1],
  ["fr", 0.1],
  ["it", 0.1],
  ["ru", 0.1],
];
const CLIPS_PER_CALL = 3;

let rig: Rig;
before(async () => {
  rig = await startRig({ numbers: [{ number: "*", mode: "connect", language: "auto" }] });
});
after(() => rig.close());

const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{M}\p{N}']+/gu, " ");

for (const [language, limit] of LIMITS) {
  test(`a call in ${language} is detected and transcribed as such`, async () => {
    const clips = clipsIn(language).slice(-CLIPS_PER_CALL);
    const sounds = clips.map((clip) => ({ mulaw: mulawOf(clip) }));
    const { callSid, errors } = await rig.replay(callFromClips(sounds, 2000).call);
    assert.deepEqual(errors, []);
    const events = (await rig.receiver.ended(callSid)).map(({ event }) => event);
    assert.ok(events[0]?.type === "call.started" && events[0].language === "auto");
    const finals = events.flatMap((event) => (event.type === "transcript.final" ? [event] : []));
    assert.deepEqual([...new Set(finals.map((final) => final.language))], [language]);
    const reference = clips.map(({ text }) => text).join(" ");
    const hypothesis = finals.map(({ text }) => text).join(" ");
    const { wer } = wordErrorRate([{ reference, hypothesis }], plain);
    assert.ok(wer <= limit, `word error rate ${wer.toFixed(3)}: ${hypothesis}`);
  });
}
