/**
 * Which words of a text that keeps changing will stay (LocalAgreement-2, Liu et al. 2020): those on which two
 * hypotheses in a row agree, up to the last of them, which the end of the audio may have cut off. A sentence of a script
 * without spaces is one word: nothing of it is stable before its final.
 */
export class StableText {
  /** Words that are shown as stable, as they were first agreed on. */
  #stable: string[] = [];
  #previous: string[] = [];

  /**
   * Takes the next hypothesis of a growing utterance.
   *
   * @returns What to show, and how many of its leading characters are stable.
   */
  push(hypothesis: string): { text: string; stable: number } {
    const words = hypothesis.split(/\s+/).filter(Boolean);
    let agreed = 0;
    while (agreed < words.length && sameWord(words[agreed], this.#previous[agreed])) agreed += 1;
    // Beyond the words that a hypothesis takes back, nothing new is certain.
    const consistent = this.#stable.every((word, index) => sameWord(word, words[index]));
    const certain = Math.min(agreed, words.length - 1);
    if (consistent) this.#stable.push(...words.slice(this.#stable.length, certain));
    this.#previous = words;
    const text = [...this.#stable, ...words.slice(this.#stable.length)].join(" ");
    return { text, stable: this.#stable.join(" ").length };
  }
}

/** Case and punctuation change with what follows; the word does not. */
function sameWord(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && bare(a) === bare(b);
}

function bare(word: string): string {
  const letters = word.toLowerCase().replace(/[^\p{L}\p{M}\p{N}]/gu, "");
  return letters === "" ? word : letters;
}
