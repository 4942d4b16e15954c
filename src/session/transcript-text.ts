/**
 * Everything that was said in a session as one text, as far as any of its events.
 */
export class TranscriptText {
  #text = "";
  /** Length of the text up to and with each final, in sequence. */
  readonly #ends: { sequence: number; length: number }[] = [];

  /** The next final. */
  add(sequence: number, text: string): void {
    this.#text += this.#text === "" ? text : ` ${text}`;
    this.#ends.push({ sequence, length: this.#text.length });
  }

  /** The finals up to and with the event `sequence`, joined by spaces. */
  upTo(sequence: number): string {
    const end = this.#ends.findLast((final) => final.sequence <= sequence);
    return this.#text.slice(0, end?.length ?? 0);
  }
}
