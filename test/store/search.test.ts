import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import Database from "better-sqlite3";
import fc from "fast-check";
import { openDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/schema.ts";
import { excerptOf, searchExpression } from "../../src/store/search-text.ts";
import {
  indexedText,
  MARK_END,
  MARK_START,
  marksIn,
  placeOfSpoken,
  spokenId,
  TOKENIZER,
} from "../../src/store/spoken.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { webhookBody } from "../../src/transcript/event.ts";
import { ended, final, sampleCall, temporaryFile, temporaryStore } from "./sample.ts";

/** A store with one call, CA1, that says these texts. */
function saying(t: TestContext, ...texts: string[]): Store {
  const store = temporaryStore(t);
  store.openCall(sampleCall("CA1"));
  store.commit(
    "CA1",
    texts.map((text, index) => final(index + 1, "inbound", text)),
  );
  return store;
}

/** What is found, with [ ] around the marks. */
function found(store: Store, typed: string): string[] {
  return store.catalogue.search(typed, {}).rows.flatMap(({ hits }) =>
    hits.map(({ text, marks }) => {
      let shown = "";
      let at = 0;
      for (const { start, end } of marks) {
        shown += `${text.slice(at, start)}[${text.slice(start, end)}]`;
        at = end;
      }
      return shown + text.slice(at);
    }),
  );
}

test("all words have to be in one final, in any order, case and accents aside", (t) => {
  const store = saying(t, "I want my money back", "My café, Straße 5", "money");
  assert.deepEqual(found(store, "money my"), ["I want [my] [money] back"]);
  assert.deepEqual(found(store, "CAFE"), ["My [café], Straße 5"]);
  assert.deepEqual(found(store, "cafe\u0301"), ["My [café], Straße 5"]);
  assert.deepEqual(found(store, "money back want gone"), []);
});

test("the last word may be unfinished, unless a space or a quote ends it; one letter is a word", (t) => {
  const store = saying(t, "a refund please", "we refunded it");
  assert.deepEqual(found(store, "refu"), ["a [refund] please", "we [refunded] it"]);
  assert.deepEqual(found(store, "refund "), ["a [refund] please"]);
  assert.deepEqual(found(store, "refu plea"), []);
  assert.deepEqual(found(store, "refund plea"), ["a [refund] [please]"]);
  assert.deepEqual(found(store, "p"), []);
  assert.deepEqual(found(store, "a"), ["[a] refund please"]);
});

test("words in quotes, and words joined by other characters than spaces, are phrases", (t) => {
  const store = saying(t, "my credit card", "a card, the credit of it", "call 555-0100 now", "don't go");
  assert.deepEqual(found(store, '"credit card"'), ["my [credit card]"]);
  assert.deepEqual(found(store, "credit card").length, 2);
  assert.deepEqual(found(store, "555-0100"), ["call [555-0100] now"]);
  assert.deepEqual(found(store, "don't"), ["[don't] go"]);
});

test("words of scripts without spaces are found inside a sentence, and marked as they are written", (t) => {
  const store = saying(t, "明日、東京へ行きます。", "京東", "ขอบคุณครับ", "in 東京 today");
  assert.deepEqual(found(store, "東京"), ["明日、[東京]へ行きます。", "in [東京] today"]);
  assert.deepEqual(found(store, "ครับ"), ["ขอบคุณ[ครับ]"]);
});

test("what looks like syntax, markup or a mark is text", (t) => {
  const store = saying(t, "NEAR or AND <b>not</b>", `a${MARK_START}b`);
  assert.deepEqual(found(store, "NEAR AND"), ["[NEAR] or [AND] <b>not</b>"]);
  assert.deepEqual(found(store, "text:near"), []);
  assert.deepEqual(found(store, "b"), [`NEAR or AND <[b]>not</[b]>`, `a${MARK_START}[b]`]);
  for (const typed of ["", " ", '"', "*", "( ) - ^", '""', "🙂", "\0", "\ud800"]) {
    assert.deepEqual(found(store, typed), [], JSON.stringify(typed));
  }
});

test("whatever is typed finds something or nothing, and never fails", (t) => {
  const store = saying(t, "some words", "東京 NOT 7 co-op");
  const syntax = fc.constantFrom(
    '"',
    "*",
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    ")",
    "-",
    "^",
    "{a}:",
    "+",
    "'",
    ";--",
    " ",
  );
  const typed = fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc
      .array(fc.oneof(syntax, fc.string({ unit: "grapheme", maxLength: 4 })), { maxLength: 12 })
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(typed, (text) => {
      try {
        store.catalogue.search(text, {});
      } catch (error) {
        // Too many words.
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test("a word of a text is found in it, and its mark holds it", (t) => {
  const { database, close } = openDatabase({ path: temporaryFile(t), exclusive: false, maximumBytes: null });
  t.after(close);
  database.exec(`CREATE VIRTUAL TABLE one USING fts5(text, tokenize = "${TOKENIZER}")`);
  const insert = database.prepare("INSERT INTO one(rowid, text) VALUES (1, ?)");
  const search = database
    .prepare<[string], string>("SELECT highlight(one, 0, char(2), char(3)) FROM one WHERE one MATCH ?")
    .pluck();
  const word = fc.constantFrom(
    "refund",
    "Ärger",
    "東京",
    "ありがとう",
    "ไทย",
    "a",
    "7",
    "co-op",
    "नमस्ते",
    "😀x",
  );
  const glue = fc.constantFrom(" ", ", ", "\u0002", "。", "- ", "😀 ");
  fc.assert(
    fc.property(fc.array(fc.tuple(word, glue), { minLength: 1, maxLength: 8 }), fc.nat(), (pairs, pick) => {
      const text = pairs.flat().join("");
      const chosen = (pairs[pick % pairs.length] as [string, string])[0];
      insert.run(indexedText(text));
      const marked = search.get(`${searchExpression(chosen)}`.replace(/\*$/, ""));
      database.exec("DELETE FROM one");
      assert.ok(marked !== undefined, `${chosen} in ${text}`);
      assert.equal(marked.replaceAll(MARK_START, "").replaceAll(MARK_END, ""), indexedText(text));
      const marks = marksIn(text, marked);
      const bare = (part: string): string => part.replaceAll(/[^\p{L}\p{N}\p{M}]/gu, "");
      assert.ok(marks.length > 0 && marks.every(({ start, end }) => start < end));
      const pieces = marks.map(({ start, end }) => bare(text.slice(start, end))).join("");
      assert.ok(pieces.includes(bare(chosen)), `${chosen} marked as ${pieces}`);
      assert.equal(pieces.replaceAll(bare(chosen), ""), "");
    }),
    { numRuns: 500 },
  );
});

test("more words than the limit are refused", () => {
  assert.throws(() => searchExpression("a b c d e f g h i j k l m n o p q"), RangeError);
  assert.equal(searchExpression("... !"), null);
});

test("an excerpt is around the first mark, cut between words, and its marks are where they were", () => {
  const long = `${"before ".repeat(60)}needle ${"after ".repeat(60)}needle`;
  const start = long.indexOf("needle");
  const last = long.lastIndexOf("needle");
  const excerpt = excerptOf(long, [
    { start, end: start + 6 },
    { start: last, end: last + 6 },
  ]);
  assert.ok(excerpt.text.length <= 240);
  assert.deepEqual(
    excerpt.marks.map((mark) => excerpt.text.slice(mark.start, mark.end)),
    ["needle"],
  );
  assert.match(excerpt.text, /^before .*after$/);
  assert.deepEqual([excerpt.cutBefore, excerpt.cutAfter], [true, true]);
  assert.deepEqual(excerptOf("short", []), { text: "short", marks: [], cutBefore: false, cutAfter: false });
  assert.doesNotMatch(excerptOf("😀".repeat(300), [{ start: 201, end: 203 }]).text, /\p{Cs}/u);
});

test("ids of rows and their places are each other's inverse, and in the order of calls", () => {
  const place = fc.record({
    number: fc.integer({ min: 1, max: 2 ** 29 - 1 }),
    sequence: fc.integer({ min: 0, max: 2 ** 24 - 1 }),
  });
  fc.assert(
    fc.property(place, place, (a, b) => {
      const id = spokenId(a.number, a.sequence);
      assert.ok(Number.isSafeInteger(id));
      assert.deepEqual(placeOfSpoken(id), { ...a });
      if (a.number < b.number) assert.ok(id < spokenId(b.number, 0));
    }),
  );
});

test("what a call says is found as soon as it is committed, and not when the commit failed", (t) => {
  const store = saying(t, "hello");
  const broken = { ...final(3), startMs: "soon" as unknown as number };
  assert.throws(() => store.commit("CA1", [final(2, "inbound", "lost words"), broken]));
  assert.deepEqual(found(store, "lost"), []);
  store.commit("CA1", [final(2, "inbound", "kept words")]);
  assert.deepEqual(found(store, "words"), ["kept [words]"]);
});

test("calls that are pruned or deleted leave the index, calls that are kept stay in it", (t) => {
  const path = temporaryFile(t);
  const store = openStore({ path, now: () => 1000 });
  t.after(() => store.close());
  const raw = new Database(path);
  t.after(() => raw.close());
  const texts = raw.prepare<[], string>("SELECT text FROM spoken ORDER BY rowid").pluck();
  for (const [callSid, endpoint] of [
    ["CA1", "http://127.0.0.1:9/hook"],
    ["CA2", null],
    ["CA3", null],
  ] as const) {
    store.openCall(sampleCall(callSid, { endpoint }));
    store.commit(callSid, [final(1, "inbound", `words of ${callSid}`), ended()]);
  }
  store.dropOutbox(store.listOutbox().map(({ id }) => id));
  assert.equal(store.prune(2000, 10), 1);
  assert.deepEqual(texts.all(), ["words of CA2", "words of CA3"]);
  store.removeCall("CA3");
  assert.deepEqual(texts.all(), ["words of CA2"]);
  assert.deepEqual(found(store, "words"), ["[words] of CA2"]);
});

/** A store whose calls CA1, CA2 ... each say "needle" so many times. */
function needles(t: TestContext, calls: number, times: number): Store {
  const store = temporaryStore(t);
  for (let index = 1; index <= calls; index++) {
    store.openCall(sampleCall(`CA${index}`));
    const said = Array.from({ length: times }, (_, at) => final(at + 1, "inbound", `needle ${at}`));
    store.commit(`CA${index}`, said);
  }
  return store;
}

/** How many calls each page of a search has. */
function pageSizes(store: Store, hitCount: number): number[] {
  const sizes: number[] = [];
  const seen = new Set<string>();
  for (let before: number | null = Number.MAX_SAFE_INTEGER; before !== null; ) {
    const page: ReturnType<Store["catalogue"]["search"]> = store.catalogue.search("needle", {
      limit: 200,
      before,
    });
    for (const row of page.rows) {
      assert.equal(row.hitCount, hitCount);
      assert.equal(row.hits.length, Math.min(5, hitCount));
      seen.add(row.callSid);
    }
    sizes.push(page.rows.length);
    before = page.next;
  }
  assert.equal(
    seen.size,
    sizes.reduce((sum, size) => sum + size),
  );
  return sizes;
}

test("a page of a search has 50 calls at most, and the next goes on behind them", (t) => {
  assert.deepEqual(pageSizes(needles(t, 60, 1), 1), [50, 10]);
});

test("a page of a search ends with the call in which it came to 5000 hits, all of them counted", (t) => {
  assert.deepEqual(pageSizes(needles(t, 12, 600), 600), [9, 3]);
});

test("a store of before the index gets one with all its finals, in as many steps as it takes", (t) => {
  const path = temporaryFile(t);
  const old = new Database(path);
  migrate(old, 3);
  const add = old.prepare(
    "INSERT INTO event(call_sid, sequence, message_id, type, committed_at, body) VALUES (?, ?, ?, ?, 5, ?)",
  );
  const FINALS = 2500;
  old.exec("BEGIN");
  for (const [index, callSid] of ["CA2", "CA1"].entries()) {
    old
      .prepare(`INSERT INTO call(call_sid, to_number, from_number, mode, opened_at, ended_at, last_sequence)
      VALUES (?, '+1', '+2', 'start', ?, 9, ${FINALS})`)
      .run(callSid, index);
    const drafts = [
      ...Array.from({ length: FINALS - 1 }, (_, at) => final(at + 1, "inbound", `w${at} ${callSid}`)),
      ended(),
    ];
    for (const [at, draft] of drafts.entries()) {
      const place = { version: 1, id: `${callSid} ${at}`, callSid, sequence: at + 1, timestamp: "" } as const;
      add.run(callSid, at + 1, place.id, draft.type, webhookBody({ ...draft, ...place }));
    }
  }
  old.exec("COMMIT");
  old.close();
  const store = openStore({ path });
  t.after(() => store.close());
  const { rows } = store.catalogue.list({});
  assert.deepEqual(
    rows.map(({ callSid, finals, gaps, endReason, languages }) => [
      callSid,
      finals,
      gaps,
      endReason,
      ...languages,
    ]),
    [
      ["CA1", FINALS - 1, 0, "stream_stopped", "en"],
      ["CA2", FINALS - 1, 0, "stream_stopped", "en"],
    ],
  );
  assert.deepEqual(found(store, "w2498 "), ["[w2498] CA1", "[w2498] CA2"]);
  assert.equal(store.catalogue.search("ca2 ", {}).rows[0]?.hitCount, FINALS - 1);
  store.openCall(sampleCall("CA3"));
  assert.equal(store.catalogue.list({}).rows[0]?.callSid, "CA3");
});
