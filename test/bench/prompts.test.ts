import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlausible, spokenPrompts } from "../../bench/recordings/prompts.ts";

const LIST = `\ufeff; Core Asterisk Sounds in English
activated: Activated.
beep: [this is a simple beep tone]
for: Pour (emphase)
confbridge-join: <beep ascending>
digits/7: seven
dir-welcome:
letters/a: A
phonetic/a_p: alpha
silence/1: (1 second of silence)
conf-full: La conferenza ? piena.
at-tone-time-exactly: il tempo sar? esattamente..
followme/status: Who is it? Please say your name: now.
dir-multi2: ... for ...
no colon here
`;

test("prompts with words are read from a package's list, sounds and garbled texts are left out", () => {
  assert.deepEqual(spokenPrompts(LIST, "en"), [
    { name: "activated", text: "Activated." },
    { name: "digits/7", text: "seven" },
    { name: "followme/status", text: "Who is it? Please say your name: now." },
    { name: "dir-multi2", text: "for" },
  ]);
});

test("number words are left out where they cannot be compared with digits", () => {
  assert.ok(!spokenPrompts(LIST, "it").some(({ name }) => name.startsWith("digits/")));
});

test("a text that takes longer or shorter than its sound is not what is said", () => {
  assert.ok(isPlausible("Please hold while I try that extension.", 2));
  assert.ok(!isPlausible("un suono beep di errore", 0.36));
  assert.ok(!isPlausible("MGCP", 1.7));
  assert.ok(!isPlausible("hello", 0));
});
