import assert from "node:assert/strict";
import { before, test } from "node:test";
import { CARD_RULES } from "../../src/asr/batch-rules.ts";
import { NO_DRAFT } from "../../src/asr/draft.ts";
import { isMisfit, Portions } from "../../src/asr/portions.ts";
import { Whisper } from "../../src/asr/whisper.ts";
import { maximumTokens } from "../../src/asr/window.ts";
import { type Clip, clipsIn, MODEL, samplesOf } from "../asr/clips.ts";
import { OUT_OF_MEMORY } from "../asr/fake-card.ts";
import { loadedWhisper } from "../asr/loaded-whisper.ts";
import { atEnd } from "../at-end.ts";

const timeout = 60_000;
const spoken = (clip: Clip) => ({ pcm16k: samplesOf(clip), language: "en" });
const clips = clipsIn("en").slice(0, 3).map(spoken);
const GREEDY = { beam: 1 };

/** Works as on a card, on the processor. */
let card: Whisper;
before(async () => {
  card = await Whisper.load({ ...MODEL, threads: 1, spin: false, rules: CARD_RULES });
  atEnd(() => card.close());
});

let texts: Promise<string[]> | null = null;
/** What each clip is heard as alone, as on a processor. */
function aloneTexts(): Promise<string[]> {
  texts ??= (async () => {
    const whisper = await loadedWhisper();
    const alone = [];
    for (const clip of clips) alone.push((await whisper.recognise([clip], GREEDY))[0]?.text ?? "");
    return alone;
  })();
  return texts;
}

test("rows that are made longer, and stand beside poisoned ones, have the text that they have alone", {
  timeout,
}, async () => {
  const [clean] = clips as [(typeof clips)[0]];
  const poison = [
    clean.pcm16k.map((_, at) => (at % 2 === 0 ? 1 : -1)),
    clean.pcm16k.map((value) => 10 * Math.sign(value)),
    new Float32Array(16_000),
  ].map((pcm16k) => ({ pcm16k, language: "en" }));
  const batch = [poison[0], clips[0], poison[1], clips[1], poison[2], clips[2]] as typeof clips;
  const together = await card.recognise(batch, GREEDY);
  assert.deepEqual(
    [1, 3, 5].map((row) => together[row]?.text),
    await aloneTexts(),
  );
});

test("a partial goes on from tokens alone: nothing of the encoder is kept", { timeout }, async () => {
  const [clip] = clips as [(typeof clips)[0]];
  const part = { ...clip, pcm16k: clip.pcm16k.slice(0, Math.round(0.7 * clip.pcm16k.length)) };
  const [first] = await card.recogniseOpen([{ ...part, draft: NO_DRAFT }]);
  const draft = first?.draft ?? NO_DRAFT;
  assert.deepEqual([draft.kept, draft.positions], [[], 0]);
  const [second] = await card.recogniseOpen([{ ...clip, draft }]);
  assert.equal(second?.text, (await aloneTexts())[0]);
  assert.deepEqual([second?.draft?.kept, second?.draft?.previous], [[], first?.tokens]);
});

test("the largest inference goes on to the last token that there may be", { timeout }, async () => {
  assert.equal(await card.exercise(2, 1.6 * 16_000, 2), maximumTokens(1.6 * 16_000));
});

test("what does not fit is recognised in halves, in order, and the longest alone does not fit", {
  timeout,
}, async () => {
  let runs = 0;
  const small = {
    metadata: card.metadata,
    recognise: async (...asked: Parameters<Whisper["recognise"]>) => {
      runs += 1;
      const [utterances] = asked;
      if (utterances.length > 1 || utterances[0] === long) throw new Error(OUT_OF_MEMORY);
      return card.recognise(...asked);
    },
    recogniseOpen: card.recogniseOpen.bind(card),
    recogniseAgain: card.recogniseAgain.bind(card),
  };
  const long = spoken(clipsIn("en")[20] as Clip);
  const portions = new Portions(small, CARD_RULES);
  const found = await portions.recognise([...clips, long], GREEDY);
  assert.deepEqual(
    found.map((portion) => (isMisfit(portion) ? null : portion.text)),
    [...(await aloneTexts()), null],
  );
  assert.ok(runs > 4);
  assert.equal(portions.takeFailures(), runs - 3);
});
