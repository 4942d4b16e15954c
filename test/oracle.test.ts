import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CallEvent,
  type EventDraft,
  messageId,
  SCHEMA_VERSION,
  webhookBody,
} from "../src/transcript/event.ts";
import { type Delivery, judgeCall } from "./slow/oracle.ts";

const callSid = "CA00000000000000000000000000000001";
const label = { track: "inbound", label: "caller" } as const;

function started(): EventDraft {
  const facts = { from: "+15550100123", to: "+15550100100", mode: "connect", language: "en" } as const;
  return { type: "call.started", ...facts, tracks: [label], announcement: null, parameters: {} };
}

function final(utterance: number, startMs: number, endMs: number, text = "Hello."): EventDraft {
  const words = { text, language: "en", confidence: 0.9, words: [] };
  return { type: "transcript.final", ...label, utterance, startMs, endMs, ...words };
}

function gap(number: number, startMs: number, endMs: number): EventDraft {
  return { type: "transcript.gap", ...label, gap: number, startMs, endMs, cause: "crash" };
}

function ended(finals: number, gaps: number): EventDraft {
  return { type: "call.ended", reason: "crash", durationMs: 9000, finals, gaps };
}

function deliver(drafts: readonly EventDraft[]): Delivery[] {
  return drafts.map((draft, index) => {
    const committed = { version: SCHEMA_VERSION, id: messageId(callSid, draft), callSid } as const;
    const event = { ...draft, ...committed, sequence: index + 1, timestamp: "2026-11-22T10:00:00.000Z" };
    return asDelivery(event as CallEvent);
  });
}

function asDelivery(event: CallEvent): Delivery {
  return { id: event.id, body: webhookBody(event), event };
}

const SPOKEN = {
  inbound: [
    { startMs: 1000, endMs: 3000 },
    { startMs: 4000, endMs: 6000 },
    { startMs: 7000, endMs: 8000 },
  ],
};
const COMPLETE = [started(), final(1, 700, 3300), gap(1, 3500, 6200), final(2, 6700, 8300), ended(2, 1)];

function faultsOf(deliveries: readonly Delivery[], sentUntilMs = 9000): string[] {
  return judgeCall({ deliveries, spoken: SPOKEN, sentUntilMs }).faults;
}

test("the oracle accepts a call whose speech is all in finals and gaps, and counts", () => {
  const deliveries = deliver(COMPLETE);
  const repeat = deliveries[1] as Delivery;
  const verdict = judgeCall({ deliveries: [...deliveries, repeat], spoken: SPOKEN, sentUntilMs: 9000 });
  assert.deepEqual(verdict, { faults: [], finals: 2, gaps: 1, duplicates: 1 });
});

test("the oracle wants only what was sent", () => {
  const short = [started(), final(1, 700, 3300), ended(1, 0)];
  assert.deepEqual(faultsOf(deliver(short), 4200), []);
  assert.match(faultsOf(deliver(short), 4800).join(), /from 4000 to 4800 ms is in no final and no gap/);
});

for (const [index, what] of [
  [1, "a final"],
  [2, "a gap"],
] as const) {
  test(`the oracle misses the speech of ${what} that is not there`, () => {
    const rest = COMPLETE.filter((_, position) => position !== index);
    rest[rest.length - 1] = index === 1 ? ended(1, 1) : ended(2, 0);
    assert.match(faultsOf(deliver(rest)).join(), /is in no final and no gap/);
  });
  test(`the oracle sees ${what} that was committed and did not arrive`, () => {
    const deliveries = deliver(COMPLETE).filter((_, position) => position !== index);
    assert.match(faultsOf(deliveries).join(), /sequences have holes/);
  });
}

test("the oracle sees a piece of speech that two events leave out between them", () => {
  const torn = [started(), final(1, 700, 3300), gap(1, 3500, 4500), gap(2, 5000, 6200), final(2, 6700, 8300)];
  assert.match(faultsOf(deliver([...torn, ended(2, 2)])).join(), /from 4500 to 5000 ms/);
});

test("the oracle refuses two contents under one id", () => {
  const deliveries = deliver(COMPLETE);
  const known = deliveries[1] as Delivery;
  const other = asDelivery({ ...known.event, text: "Goodbye." } as CallEvent);
  assert.match(faultsOf([...deliveries, other]).join(), /came with two contents/);
});

test("the oracle refuses a call without an end, with two, or with something behind it", () => {
  assert.match(faultsOf(deliver(COMPLETE.slice(0, -1))).join(), /call.ended last and once, got it 0/);
  const late = [...COMPLETE.slice(0, -2), ended(2, 1), final(2, 6700, 8300)];
  assert.match(faultsOf(deliver(late)).join(), /call.ended last and once/);
  assert.match(faultsOf(deliver(COMPLETE.slice(1))).join(), /call.started first and once/);
});

test("the oracle refuses events out of order, wrong totals, empty text, and words that nobody spoke or twice", () => {
  const deliveries = deliver(COMPLETE);
  const swapped = [0, 2, 1, 3, 4].map((index) => deliveries[index] as Delivery);
  assert.match(faultsOf(swapped).join(), /out of order/);
  assert.match(faultsOf(deliver([...COMPLETE.slice(0, -1), ended(3, 1)])).join(), /counts 3 finals/);
  const altered = (draft: EventDraft) => deliver([...COMPLETE.slice(0, -1), draft, ended(3, 1)]);
  assert.match(faultsOf(altered(final(3, 7500, 8300, " "))).join(), /has no text/);
  assert.match(faultsOf(altered(final(3, 8300, 9000))).join(), /where nobody speaks/);
  assert.match(faultsOf(altered(final(3, 7000, 8000))).join(), /transcribe the same speech/);
});
