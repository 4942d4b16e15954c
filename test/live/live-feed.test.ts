import assert from "node:assert/strict";
import { test } from "node:test";
import type { LiveCallState } from "../../src/live/live-call.ts";
import type { LiveNews, Watcher } from "../../src/live/live-feed.ts";
import { createFeed, eventOf, finalOf, partialOf, storedCall } from "./rig.ts";

class Notebook implements Watcher {
  readonly callSid: string | null;
  reads = true;
  readonly told: ({ calls: LiveCallState[] } | { news: LiveNews })[] = [];

  constructor(callSid: string | null = null) {
    this.callSid = callSid;
  }

  ready(): boolean {
    return this.reads;
  }

  snapshot(calls: LiveCallState[]): void {
    this.told.push({ calls });
  }

  news(news: LiveNews): void {
    this.told.push({ news });
  }

  /** What came since the last time. */
  take(): ({ calls: LiveCallState[] } | { news: LiveNews })[] {
    return this.told.splice(0);
  }
}

const ended = (callSid: string) =>
  eventOf(callSid, 9, { type: "call.ended", reason: "stream_stopped", durationMs: 1, finals: 0, gaps: 0 });

test("a watcher is told the calls that go on, then what is new, of a partial only the newest", () => {
  const { feed, tick } = createFeed();
  feed.event(finalOf("CA1", 1, "Before."));
  feed.partial(partialOf("CA1", 2, "And"));
  const notebook = new Notebook();
  feed.watch(notebook);
  const [first] = notebook.take() as [{ calls: LiveCallState[] }];
  assert.equal(first.calls.length, 1);
  const [call] = first.calls as [LiveCallState];
  assert.deepEqual([call.callSid, call.finals, call.mediaMs], ["CA1", 1, 2500]);
  assert.deepEqual(
    call.lines.map(({ text }) => text),
    ["Before."],
  );
  assert.deepEqual(
    call.partials.map(({ text }) => text),
    ["And"],
  );
  feed.partial(partialOf("CA1", 2, "And now"));
  feed.partial(partialOf("CA1", 2, "And now this"));
  feed.partial(partialOf("CA2", 1, "Other"));
  tick();
  const [{ news }] = notebook.take() as [{ news: LiveNews }];
  assert.deepEqual(
    news.map((each) => "text" in each && each.text),
    ["And now this", "Other"],
  );
  tick();
  assert.deepEqual(notebook.take(), [], "no news, no message");
});

test("a final takes the place of its partials, also in a snapshot", () => {
  const { feed, tick } = createFeed();
  const notebook = new Notebook();
  feed.watch(notebook);
  notebook.take();
  feed.partial(partialOf("CA1", 1, "Hello"));
  feed.event(finalOf("CA1", 1, "Hello."));
  feed.partial(partialOf("CA1", 2, "Next"));
  tick();
  const [{ news }] = notebook.take() as [{ news: LiveNews }];
  assert.deepEqual(
    news.map(({ type }) => type),
    ["transcript.final", "transcript.partial"],
  );
  feed.event(finalOf("CA1", 2, "Next."));
  const late = new Notebook();
  feed.watch(late);
  const [{ calls }] = late.take() as [{ calls: LiveCallState[] }];
  assert.deepEqual(calls[0]?.partials, []);
});

test("a call that ends is told of and forgotten, and an ended call is not taken up again", () => {
  const { feed, tick } = createFeed([storedCall("CA1"), storedCall("CA3", { endedAt: 1 })]);
  const notebook = new Notebook();
  feed.watch(notebook);
  feed.event(finalOf("CA1", 1, "Bye."));
  feed.event(ended("CA1"));
  feed.partial(partialOf("CA3", 1, "late"));
  tick();
  const [, { news }] = notebook.take() as [unknown, { news: LiveNews }];
  assert.deepEqual(
    news.map(({ type }) => type),
    ["transcript.final", "call.ended", "transcript.partial"],
  );
  assert.equal(feed.active, 0);
});

test("who watches one call is told of no other", () => {
  const { feed, tick } = createFeed();
  feed.event(finalOf("CA2", 1, "Other."));
  const notebook = new Notebook("CA1");
  feed.watch(notebook);
  feed.event(finalOf("CA2", 2, "Other."));
  tick();
  feed.event(finalOf("CA1", 1, "Mine."));
  tick();
  const [first, second, ...rest] = notebook.take() as [{ calls: LiveCallState[] }, { news: LiveNews }];
  assert.deepEqual(first.calls, []);
  assert.deepEqual(
    second.news.map(({ callSid }) => callSid),
    ["CA1"],
  );
  assert.deepEqual(rest, []);
});

test("a watcher that does not read is told nothing, then everything once; others are told as ever", () => {
  const { feed, tick, counters } = createFeed();
  const [slow, quick] = [new Notebook(), new Notebook()];
  feed.watch(slow);
  feed.watch(quick);
  for (const notebook of [slow, quick]) notebook.take();
  slow.reads = false;
  for (let utterance = 1; utterance <= 3; utterance += 1) {
    feed.event(finalOf("CA1", utterance, `Line ${utterance}.`));
    tick();
  }
  assert.equal(quick.take().length, 3);
  assert.deepEqual(slow.take(), []);
  slow.reads = true;
  tick();
  const [{ calls }, ...rest] = slow.take() as [{ calls: LiveCallState[] }];
  assert.deepEqual(
    calls[0]?.lines.map(({ text }) => text),
    ["Line 1.", "Line 2.", "Line 3."],
  );
  assert.deepEqual(rest, []);
  assert.equal(counters.get("live.behind"), 1);
});

test("more events between two ticks than are kept become one snapshot", () => {
  const { feed, tick, counters } = createFeed();
  const notebook = new Notebook();
  feed.watch(notebook);
  notebook.take();
  for (let utterance = 1; utterance <= 2500; utterance += 1) feed.event(finalOf("CA1", utterance, "x"));
  tick();
  const [{ calls }] = notebook.take() as [{ calls: LiveCallState[] }];
  assert.equal(calls[0]?.finals, 2500);
  assert.equal(counters.get("live.events.dropped"), 2000);
});

test("a snapshot has the last lines of a call only, and nothing runs or is kept while nobody watches", () => {
  const { feed, ticking } = createFeed();
  for (let utterance = 1; utterance <= 10; utterance += 1)
    feed.event(finalOf("CA1", utterance, `${utterance}`));
  assert.equal(ticking(), false);
  const notebook = new Notebook();
  const leave = feed.watch(notebook);
  assert.equal(ticking(), true);
  const [{ calls }] = notebook.take() as [{ calls: LiveCallState[] }];
  assert.deepEqual([calls[0]?.finals, calls[0]?.lines.map(({ text }) => text)], [10, ["7", "8", "9", "10"]]);
  leave();
  assert.equal(ticking(), false);
  feed.event(finalOf("CA1", 11, "unseen"));
  assert.deepEqual(notebook.take(), []);
});

test("a store that cannot be read fails no call, and the call is taken up when it can be", () => {
  let broken = true;
  const { feed, counters } = createFeed([], (callSid) => {
    if (broken) throw new Error("disk I/O error");
    return storedCall(callSid);
  });
  feed.event(finalOf("CA1", 1, "x"));
  assert.deepEqual([feed.active, counters.get("live.unknown")], [0, 1]);
  broken = false;
  feed.event(finalOf("CA1", 2, "y"));
  assert.equal(feed.active, 1);
});
