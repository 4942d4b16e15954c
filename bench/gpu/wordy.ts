/**
 * A recogniser whose answers always have words: those of random weights may have none, or such that are doubted, and then
 * no final would come of them.
 */
import type { RecognisedText, RecognitionJob, TextRecogniser } from "../../src/call/ports.ts";

export function withWords(recogniser: TextRecogniser): TextRecogniser {
  return {
    get partialIntervalMs() {
      return recogniser.partialIntervalMs;
    },
    headStartMs: (audioMs) => recogniser.headStartMs(audioMs),
    submit: (request) => {
      const job: RecognitionJob = recogniser.submit(request);
      const answer = job.answer.then(worded);
      return { answer, promote: () => job.promote(), drop: () => job.drop() };
    },
  };
}

function worded(result: RecognisedText | null): RecognisedText | null {
  return result && { ...result, text: "words", words: [], logprob: 0, noSpeech: 0 };
}
