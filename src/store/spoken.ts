/**
 * The full-text index of finals: where a final lies in it, and the text as it is indexed.
 *
 * A row's id is made of the call's number and the event's sequence, so that the index is walked call by call in the order
 * in which they were opened, and a call leaves it as one range of ids.
 */
import type Database from "better-sqlite3";

/** More events than a call can have: one a second for half a year. Ids stay exact in a double for 500 million calls. */
export const SEQUENCES = 2 ** 24;

/** Without accents and case; signs above and below letters belong to a word, as in the scripts of India. */
export const TOKENIZER = "unicode61 remove_diacritics 2 categories 'L* N* M* Co'";

/** Around what was found; characters that no text has once it is indexed. */
export const MARK_START = "\u0002";
export const MARK_END = "\u0003";

/** Letters of scripts that are written without spaces: each is a word of its own to the index. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** Rows indexed at a time by a migration. */
const FILL_ROWS = 2000;

/** The row id of a final; `spokenId(number, 0)` is below all of a call, `spokenId(number + 1, 0)` above. */
export function spokenId(number: number, sequence: number): number {
  return number * SEQUENCES + sequence;
}

/** The inverse of `spokenId`. */
export function placeOfSpoken(id: number): { number: number; sequence: number } {
  return { number: Math.floor(id / SEQUENCES), sequence: id % SEQUENCES };
}

/** Text as the index has it: spaces between letters of scripts that have none, and none of our marks. */
export function indexedText(text: string): string {
  let indexed = "";
  for (const letter of text) {
    if (letter === MARK_START || letter === MARK_END) indexed += " ";
    else if (UNSPACED.test(letter)) indexed += ` ${letter} `;
    else indexed += letter;
  }
  return indexed;
}

/**
 * Where in `text` the marks of its indexed form are, in UTF-16 units, in order. Marks with nothing but spaces of ours
 * between them are one.
 *
 * @param marked - `indexedText(text)` with `MARK_START` and `MARK_END` around each place.
 */
export function marksIn(text: string, marked: string): { start: number; end: number }[] {
  const marks: { start: number; end: number }[] = [];
  let at = 0;
  const skipMarks = (position: number): number => {
    let read = position;
    for (; marked[read] === MARK_START || marked[read] === MARK_END; read++) {
      if (marked[read] === MARK_END) {
        const last = marks.at(-1);
        if (last) last.end = at;
      } else if (marks.at(-1)?.end !== at) marks.push({ start: at, end: at });
    }
    return read;
  };
  let read = 0;
  for (const letter of text) {
    const unspaced = UNSPACED.test(letter);
    read = skipMarks(read);
    if (unspaced) read = skipMarks(read + 1);
    read += letter.length;
    at += letter.length;
    read = skipMarks(read);
    if (unspaced) read = skipMarks(read + 1);
  }
  return marks;
}

/** Indexes the finals of a store that had no index, some thousands at a time; for a migration. */
export function fillSpoken(database: Database.Database): void {
  // A cross join is walked from its left: call by call, and not through all events for each step.
  const read = database.prepare<
    { number: number; sequence: number; limit: number },
    { number: number; sequence: number; body: string }
  >(
    `SELECT c.number, e.sequence, e.body FROM call c CROSS JOIN event e ON e.call_sid = c.call_sid
     WHERE (c.number, e.sequence) > (@number, @sequence) AND c.number >= @number AND e.type = 'transcript.final'
     ORDER BY c.number, e.sequence LIMIT @limit`,
  );
  const insert = database.prepare<[number, string]>("INSERT INTO spoken(rowid, text) VALUES (?, ?)");
  const language = database.prepare<[string, string]>("INSERT OR IGNORE INTO call_language VALUES (?, ?)");
  for (let from = { number: 0, sequence: 0 }; ; ) {
    const rows = read.all({ ...from, limit: FILL_ROWS });
    for (const { number, sequence, body } of rows) {
      const { data } = JSON.parse(body) as { data: { callSid: string; language: string; text: string } };
      insert.run(spokenId(number, sequence), indexedText(data.text));
      language.run(data.callSid, data.language);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < FILL_ROWS) return;
    from = { number: last.number, sequence: last.sequence };
  }
}
