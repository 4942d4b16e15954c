/**
 * Timed lines of text, as captions of any format show them.
 */

/** A word or a longer piece of text with its time, ms. */
export interface TimedText {
  text: string;
  startMs: number;
  endMs: number;
}

/** What is shown from `startMs` to `endMs`. */
export interface Cue {
  startMs: number;
  endMs: number;
  /** One or two, none empty. */
  lines: string[];
}
