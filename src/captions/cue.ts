/**
 * Captions: timed text cut into pieces that can be read while they are shown.
 */

/** A word or a longer piece of text with its time, ms. */
export interface TimedText {
  text: string;
  startMs: number;
  endMs: number;
}

/** What is said without a break, with its words where they are known. */
export interface CaptionSource extends TimedText {
  words: readonly TimedText[];
  /** Who says it, where captions are to tell. */
  speaker?: string;
}

/** What is shown from `startMs` to `endMs`. */
export interface Cue {
  startMs: number;
  endMs: number;
  /** One or two, none empty, without line breaks. The first leaves room for the speaker. */
  lines: string[];
  /** Without line breaks, not empty. */
  speaker?: string;
}

/** Characters of a line and lines of a cue at most, as broadcasters have them (EBU Tech 3350 and others). */
const LINE_CHARACTERS = 42;
const CUE_LINES = 2;
/** A cue is shown this long at most, ms; shorter than this it cannot be read. */
const CUE_MAXIMUM_MS = 7000;
const CUE_MINIMUM_MS = 1;
/** Two words need about this long to be read, ms. */
const READABLE_MS = 1000;

/**
 * Cues in the order of their sources. A source without words is one cue with as many lines as it takes, because nobody
 * knows when which part of it was said.
 */
export function cuesOf(sources: readonly CaptionSource[]): Cue[] {
  return sources.flatMap((source) => {
    const speaker = oneLine(source.speaker ?? "");
    const who = speaker === "" ? {} : { speaker };
    return piecesOf(source, indentOf(speaker)).map((cue) => ({ ...cue, ...who }));
  });
}

/**
 * The same cues, those that would be gone too soon shown for a second, or until the same speaker goes on.
 *
 * @param cues - By their start.
 */
export function lingering(cues: readonly Cue[]): Cue[] {
  const nextAt = new Map<string, number>();
  return cues
    .toReversed()
    .map((cue) => {
      const who = cue.speaker ?? "";
      const untilMs = Math.min(cue.startMs + READABLE_MS, nextAt.get(who) ?? Number.POSITIVE_INFINITY);
      nextAt.set(who, cue.startMs);
      return { ...cue, endMs: Math.max(cue.endMs, untilMs) };
    })
    .reverse();
}

function piecesOf({ words, text, startMs, endMs }: CaptionSource, indent: number): Cue[] {
  const parts = words.filter((word) => oneLine(word.text) !== "");
  if (parts.length > 0) return groups(parts, indent).map((run) => asCue(run, indent));
  const whole = oneLine(text);
  return whole === "" ? [] : [{ ...period(startMs, endMs), lines: wrapped(whole.split(" "), indent) }];
}

/** What `Ann: ` takes of a line; never more than half. */
function indentOf(speaker: string): number {
  return speaker === "" ? 0 : Math.min(speaker.length + 2, LINE_CHARACTERS / 2);
}

/** Words in runs that fit into a cue. */
function groups(words: readonly TimedText[], indent: number): TimedText[][] {
  const runs: TimedText[][] = [];
  for (const word of words) {
    const run = runs.at(-1);
    if (run && fits([...run, word], indent)) run.push(word);
    else runs.push([word]);
  }
  return runs;
}

function fits(words: readonly TimedText[], indent: number): boolean {
  const [first, last] = [words[0], words.at(-1)] as [TimedText, TimedText];
  const lasts = last.endMs - first.startMs;
  return lasts <= CUE_MAXIMUM_MS && linesOf(words, indent).length <= CUE_LINES;
}

function asCue(words: readonly TimedText[], indent: number): Cue {
  const [first, last] = [words[0], words.at(-1)] as [TimedText, TimedText];
  return { ...period(first.startMs, last.endMs), lines: linesOf(words, indent) };
}

function linesOf(words: readonly TimedText[], indent: number): string[] {
  const texts = words.map(({ text }) => oneLine(text));
  return wrapped(texts, indent);
}

/** Players leave out what ends before it begins. */
function period(startMs: number, endMs: number): { startMs: number; endMs: number } {
  const start = Math.max(0, Math.round(startMs));
  return { startMs: start, endMs: Math.max(start + CUE_MINIMUM_MS, Math.round(endMs)) };
}

/** Words in lines, the first `indent` characters shorter; a word that is longer than a line has one of its own. */
function wrapped(words: readonly string[], indent: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    const room = LINE_CHARACTERS - (lines.length === 1 ? indent : 0);
    if (line !== undefined && line.length + 1 + word.length <= room) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Line breaks of any kind would end a cue; control characters have no place in one. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\s]+/gu, " ").trim();
}
