import assert from "node:assert/strict";
import { test } from "node:test";
import { ForcedWhisper, forcedTokens } from "../../bench/gpu/forced-whisper.ts";
import { NO_DRAFT } from "../../src/asr/draft.ts";
import { recogniseFinals } from "../../src/asr/ladder.ts";
import type { Recognition, Search, UtteranceAudio } from "../../src/asr/whisper.ts";

/** A model that doubts everything it says and says it again and again. */
function babbling() {
  const searches: Search[] = [];
  const recognise = async (utterances: readonly UtteranceAudio[], search: Search): Promise<Recognition[]> => {
    searches.push(search);
    return utterances.map(() => ({
      text: "ba be bi bo bu ba be bi bo bu",
      tokens: [7],
      logprobs: [-9],
      words: [],
      logprob: -9,
      lowestLogprob: -9,
      noSpeech: 0.9,
      language: "en",
      retries: [],
      decodeMs: 1,
    }));
  };
  const never = (): never => assert.fail("expected to be asked for whole utterances");
  const whisper = { metadata: { tailPool: 8 }, recognise, recogniseOpen: never, recogniseAgain: never };
  return { searches, whisper };
}

const SPEECH = Float32Array.from({ length: 32_000 }, (_, index) => Math.sin(index / 9));

test("finals of random weights are searched once, for as many tokens as so much speech has", async () => {
  const utterances = [{ pcm16k: SPEECH, language: "en" }];
  const { searches, whisper } = babbling();
  await recogniseFinals(whisper, utterances, 3);
  assert.ok(searches.length > 1, "what is doubted is searched again");
  searches.length = 0;
  const [final] = await recogniseFinals(new ForcedWhisper(whisper, 3.5), utterances, 3);
  assert.deepEqual(
    searches.map(({ limit }) => limit),
    [7],
  );
  assert.ok(final && "text" in final && final.text !== "");
});

test("partials of random weights are searched whole, and nothing is kept of them", async () => {
  const { searches, whisper } = babbling();
  const open = { pcm16k: SPEECH.slice(0, 16_000), language: "en", draft: NO_DRAFT };
  const [partial] = await new ForcedWhisper(whisper, 3.5).recogniseOpen([open, { ...open, pcm16k: SPEECH }]);
  assert.deepEqual(
    searches.map(({ limit }) => limit),
    [7],
    "by the longest of the batch",
  );
  assert.equal(partial?.draft, NO_DRAFT);
});

test("the shortest sound has two tokens: one to begin with and one step to be timed", () => {
  assert.deepEqual(
    [0.1, 1, 2, 20].map((seconds) => forcedTokens(seconds, 3.5)),
    [2, 4, 7, 70],
  );
});
