/**
 * What the pages of calls are made of: pure, so without a browser.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CallEvent, CallRecord, delayOf } from "../../src/browser/call-record.js";
import { addressOf, filterOf, queryOf } from "../../src/browser/calls-filter.js";
import { Frames } from "../../src/browser/frames.js";
import { piecesOfHit } from "../../src/browser/hits.js";
import { broken, captionLines } from "../../src/browser/overlay-lines.js";
import { speechOf, ticksOf, timelineOf } from "../../src/browser/timeline.js";

const START = Date.UTC(2026, 10, 23, 10);

function final(sequence: number, startMs: number, text: string, track: "inbound" | "outbound" = "inbound") {
  const words = text.split(" ").map((word, index) => ({
    ...{ word, confidence: 0.9 },
    ...{ startMs: startMs + index * 300, endMs: startMs + index * 300 + 250 },
  }));
  const endMs = startMs + words.length * 300;
  const timestamp = new Date(START + endMs + 1000).toISOString();
  const about = { callSid: "CA1", sequence, timestamp, track, label: track, utterance: sequence };
  return {
    type: "transcript.final",
    ...about,
    startMs,
    endMs,
    text,
    language: "en",
    confidence: 0.9,
    words,
  } as const;
}

test("events are taken in sequence only: what is known is left, what is missing is asked for", () => {
  const record = new CallRecord();
  const started = { callSid: "CA1", timestamp: "", type: "call.started", language: "en" } as const;
  const first: CallEvent = { ...started, sequence: 1, announcement: null, parameters: {} };
  assert.equal(record.add(final(2, 0, "Two.") as CallEvent), "hole");
  assert.equal(record.add(first), "added");
  assert.equal(record.add(final(2, 5000, "Two.") as CallEvent), "added");
  assert.equal(record.add(final(2, 5000, "Two.") as CallEvent), "known");
  assert.equal(record.add(final(3, 1000, "One.", "outbound") as CallEvent), "added");
  assert.deepEqual(
    record.rows.map(({ sequence }) => sequence),
    [3, 2],
    "by the time at which it was said",
  );
  assert.equal(record.hear({ ...final(2, 5000, "Two"), utterance: 2 }), false, "its final is there");
  assert.equal(record.hear({ ...final(9, 9000, "Nine"), utterance: 9 }), true);
  const ended = { callSid: "CA1", timestamp: "", type: "call.ended", reason: "crash" } as const;
  record.add({ ...ended, sequence: 4, durationMs: 12_000, finals: 2, gaps: 0 });
  assert.deepEqual([record.ended, record.partials.size, record.mediaMs], [true, 0, 12_000]);
});

test("the delay of a final counts from its last word, and is not known without a start", () => {
  const said = final(1, 0, "One two");
  assert.equal(delayOf(said, START), 1050);
  assert.equal(delayOf(said, null), null);
  assert.equal(delayOf(said, START + 60_000), 0, "never negative");
});

test("words with no pause between them are one stretch of speech", () => {
  const words = [
    { startMs: 0, endMs: 200 },
    { startMs: 300, endMs: 500 },
    { startMs: 900, endMs: 1000 },
  ];
  assert.deepEqual(speechOf(words), [
    { startMs: 0, endMs: 500 },
    { startMs: 900, endMs: 1000 },
  ]);
});

test("whatever happens in a call, every bar lies within its timeline and can be seen", () => {
  const time = fc.integer({ min: 0, max: 4_000_000 });
  fc.assert(
    fc.property(fc.array(fc.tuple(time, fc.boolean())), time, (said, mediaMs) => {
      const rows = said.map(([startMs, agent], index) =>
        final(index + 1, startMs, "Some words here", agent ? "outbound" : "inbound"),
      );
      const tracks = [{ track: "inbound", label: "caller" }] as const;
      const { totalMs, lanes, ticks } = timelineOf({
        ...{ rows, tracks, partials: rows.slice(0, 1), mediaMs, mediaStartAt: START },
      });
      assert.ok(totalMs >= mediaMs);
      const bars = lanes.flatMap(({ utterances, speech, delays, open }) =>
        [utterances, speech, delays, open].flat(),
      );
      for (const { x, width } of bars)
        assert.ok(x >= 0 && width > 0 && x + width <= 1000.001, `${x} ${width}`);
      assert.equal(
        lanes.reduce((sum, { utterances }) => sum + utterances.length, 0),
        rows.length,
      );
      assert.ok(ticks.length >= 1 && ticks.length <= 9, `${ticks.length}`);
    }),
  );
  for (const widthPx of [1, 250, 1100, 40_000]) {
    const rows = [final(1, 0, "Yes", "inbound"), final(2, 3_000_000, "No", "inbound")];
    const { lanes, ticks } = timelineOf({
      ...{ rows, tracks: [], partials: [], mediaMs: 0, mediaStartAt: null, widthPx },
    });
    const narrowest = Math.min(...(lanes[0]?.utterances ?? []).map(({ width }) => (width / 1000) * widthPx));
    assert.ok(narrowest >= Math.min(widthPx, 1.49), `${narrowest} of ${widthPx} px`);
    assert.ok(ticks.length <= Math.max(1, widthPx / 80) + 1, `${ticks.length} marks in ${widthPx} px`);
  }
  assert.deepEqual(
    ticksOf(38_000).map(({ atMs }) => atMs / 1000),
    [0, 5, 10, 15, 20, 25, 30, 35],
  );
});

test("a text with hits is itself, letter by letter, whatever the marks say", () => {
  const pieces = piecesOfHit("a big red dog", [
    { start: 2, end: 5 },
    { start: 10, end: 13 },
  ]);
  assert.deepEqual(
    pieces.filter(({ found }) => found).map(({ text }) => text),
    ["big", "dog"],
  );
  const mark = fc.record({ start: fc.integer({ min: -5, max: 30 }), end: fc.integer({ min: -5, max: 30 }) });
  fc.assert(
    fc.property(fc.string(), fc.array(mark), (text, marks) => {
      assert.equal(
        piecesOfHit(text, marks)
          .map((piece) => piece.text)
          .join(""),
        text,
      );
    }),
  );
});

test("caption lines fit, keep every word in its order, and roll up", () => {
  const fits = (text: string): boolean => text.length <= 20;
  const texts = fc.array(fc.stringMatching(/^[a-zé字]{1,30}$/)).map((words) => words.join(" "));
  fc.assert(
    fc.property(texts, (text) => {
      const lines = broken(text, fits);
      for (const line of lines) assert.ok(fits(line), line);
      assert.equal(lines.join("").replaceAll(" ", ""), text.replaceAll(" ", ""));
    }),
  );
  const said = [
    { text: "How can I help you today?", final: true, track: "outbound", label: "agent" },
    { text: "I have a\nquestion", final: false, track: "inbound", label: "caller" },
  ];
  assert.deepEqual(captionLines(said, { lines: 2, fits, sides: true }), [
    { text: "today?", final: true },
    { text: "– I have a question", final: false },
  ]);
});

test("what is added to a sentence moves no word that is shown to another line", () => {
  const fits = (text: string): boolean => text.length <= 24;
  const words = fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1 });
  fc.assert(
    fc.property(words, fc.stringMatching(/^[a-z]{1,9}$/), (before, word) => {
      const short = broken(before.join(" "), fits);
      const long = broken([...before, word].join(" "), fits);
      assert.deepEqual(long.slice(0, short.length - 1), short.slice(0, -1));
      assert.ok(long[short.length - 1]?.startsWith(short.at(-1) as string));
    }),
  );
});

test("a filter survives the address of its page, and asks the API for whole days and bare numbers", () => {
  const filter = filterOf(
    new URLSearchParams({
      q: ' "new address" ',
      number: "+1 (555) 010-0001",
      from: "2026-11-01",
      to: "2026-11-01",
    }),
  );
  assert.deepEqual(filterOf(new URLSearchParams(addressOf(filter))), filter);
  const query = queryOf(filter, { cursor: "cabc" });
  assert.equal(query.get("q"), '"new address"');
  assert.equal(query.get("number"), "+15550100001");
  assert.equal(Date.parse(query.get("until") ?? "") - Date.parse(query.get("since") ?? ""), 86_400_000);
  assert.equal(query.get("cursor"), "cabc");
  assert.equal(filterOf(new URLSearchParams("from=yesterday")).from, "");
  assert.equal(addressOf(filterOf(new URLSearchParams())), "");
});

test("however often something changes, it is drawn once a frame, and out of sight not at all", () => {
  const drawn: string[][] = [];
  const tasks: (() => void)[] = [];
  const frames = new Frames(
    (keys) => drawn.push([...keys].sort()),
    (task) => tasks.push(task),
  );
  const frame = () => {
    for (const task of tasks.splice(0)) task();
  };
  for (let time = 0; time < 10; time++) frames.mark("a");
  frames.mark("b");
  frame();
  frames.see("b", false);
  frames.mark("b");
  frames.mark("a");
  frame();
  assert.deepEqual(drawn, [["a", "b"], ["a"]]);
  frames.see("b", true);
  frame();
  assert.deepEqual(drawn.at(-1), ["b"], "what it missed is drawn when it is seen");
  frames.see("a", false);
  frames.forget("a");
  frames.see("a", true);
  frame();
  assert.equal(drawn.length, 3);
});
