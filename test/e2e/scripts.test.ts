/**
 * Text of every script through the real server, store and webhook: only the recogniser is a small one.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { type Engine, VAD_MODEL } from "../../src/app/engine.ts";
import { CPU } from "../../src/asr/device.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { loadRecordedCall } from "../../src/cli/replay/sound-call.ts";
import { findModel, readManifest, verifyModel } from "../../src/models/manifest.ts";
import type { TranscriptPartial } from "../../src/transcript/partial.ts";
import { SpeechDetector } from "../../src/vad/detector.ts";
import { type Rig, startRig } from "./rig.ts";

/** How long a text is in characters tells nothing of its bytes, its direction, or where it may be cut. */
const TEXTS: readonly (readonly [language: string, text: string])[] = [
  ["ar", "موعدك غدًا الساعة ٣:٣٠ مع Dr. Smith، أليس كذلك؟"],
  ["he", "\u200fהתור שלך מחר בשעה 15:30, נכון?"],
  ["ja", "ご予約は明日の午後三時でよろしいでしょうか。𠮷野家です。"],
  ["zh", "您的预约是明天下午三点。"],
  ["ko", "예약은 내일 오후 세 시입니다."],
  ["hi", "आपकी अपॉइंटमेंट कल है।"],
  ["en", 'a "quote", a \\ and a line\u2028separator, e\u0301 apart, 👨‍👩‍👧'],
];
const CLIP = path.resolve(
  import.meta.dirname,
  "../../fixtures/speech/phone/asterisk-en-agent-newlocation.wav",
);

const heard = { text: "", language: "" };
const recogniser = {
  partialIntervalMs: 300,
  headStartMs: () => Infinity,
  pendingSeconds: 0,
  language: () => "auto",
  submit: () => ({
    answer: Promise.resolve({ ...heard, logprob: -0.1, noSpeech: 0, words: [] }),
    promote() {},
    drop() {},
  }),
};

let rig: Rig;
let engine: Engine;
const partials: TranscriptPartial[] = [];
before(async () => {
  const modelPath = await verifyModel(findModel(readManifest(), VAD_MODEL));
  const detector = await SpeechDetector.start({ modelPath, logger: silentLogger, counters: new Counters() });
  const small = recogniser as unknown as Engine["recogniser"];
  const recognition = { recogniser: small, model: "small", devices: [CPU], workers: 1, threads: 1 };
  engine = { detector, ...recognition, fallback: null, close: () => detector.close() };
  rig = await startRig({}, { engine, onPartial: (partial) => partials.push(partial) });
});
after(async () => {
  await rig.close();
  await engine.close();
});

for (const [language, text] of TEXTS) {
  test(`a text in ${language} is shown, stored, signed and received as it was heard`, async () => {
    Object.assign(heard, { text, language });
    partials.length = 0;
    const { callSid, errors } = await rig.replay(await loadRecordedCall(CLIP));
    assert.deepEqual(errors, []);
    const arrivals = await rig.receiver.ended(callSid);
    assert.equal(rig.receiver.forged, 0);
    const stored = rig.server.store.events(callSid);
    const finals = stored.flatMap((event) => (event.type === "transcript.final" ? [event] : []));
    assert.ok(finals.length > 0);
    for (const final of finals) assert.deepEqual([final.text, final.language], [text, language]);
    assert.deepEqual(
      arrivals.map(({ event }) => event),
      stored,
    );
    // JSON leaves every character above U+001F as it is, so that a receiver finds it in the bytes.
    const bodies = arrivals.filter(({ event }) => event.type === "transcript.final").map(({ body }) => body);
    for (const body of bodies) assert.ok(body.includes(JSON.stringify(text)), body);
    assert.ok(partials.length > 0);
    const shown = text.replaceAll(/\s/gu, " ");
    for (const partial of partials) assert.ok(shown.startsWith(partial.text), partial.text);
  });
}
