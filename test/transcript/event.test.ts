import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CallEvent,
  type EventDraft,
  messageId,
  SCHEMA_VERSION,
  webhookBody,
} from "../../src/transcript/event.ts";
import { webhookBodySchema } from "./body-schema.ts";

const party = { track: "inbound", label: "caller" } as const;
const DRAFTS: [EventDraft, string][] = [
  [
    {
      type: "call.started",
      from: "+15550100100",
      to: "+15550100200",
      mode: "start",
      tracks: [party],
      language: "auto",
      announcement: null,
      parameters: { tenant: "7" },
    },
    "msg_CA1_started",
  ],
  [
    {
      type: "transcript.final",
      ...party,
      utterance: 3,
      startMs: 10,
      endMs: 20,
      text: "Hello.",
      language: "en",
      confidence: 0.9,
      words: [{ word: "Hello.", startMs: 12, endMs: 19, confidence: 0.8 }],
    },
    "msg_CA1_inbound_3",
  ],
  [
    { type: "transcript.gap", ...party, gap: 2, startMs: 30, endMs: 40, cause: "not_received" },
    "msg_CA1_inbound_gap_2",
  ],
  [{ type: "call.dtmf", track: "inbound", press: 1, digit: "#", atMs: 50 }, "msg_CA1_dtmf_1"],
  [{ type: "call.ended", reason: "stream_stopped", durationMs: 60, finals: 1, gaps: 1 }, "msg_CA1_ended"],
];

function eventOf(draft: EventDraft, sequence: number): CallEvent {
  const id = messageId("CA1", draft);
  const timestamp = "2026-01-02T03:04:05.678Z";
  return { ...draft, version: SCHEMA_VERSION, id, callSid: "CA1", sequence, timestamp };
}

test("the id of an event is about what it is about, and nothing else", () => {
  for (const [draft, id] of DRAFTS) assert.equal(messageId("CA1", draft), id);
  assert.equal(new Set(DRAFTS.map(([draft]) => messageId("CA1", draft))).size, DRAFTS.length);
  const [, [final]] = DRAFTS as [unknown, [EventDraft]];
  assert.equal(messageId("CA1", { ...final, text: "other" } as EventDraft), "msg_CA1_inbound_3");
});

test("the two tracks of a call never share an id", () => {
  const drafts = DRAFTS.map(([draft]) => draft).filter((draft) => draft.type.startsWith("transcript"));
  const both = drafts.flatMap((draft) => [draft, { ...draft, track: "outbound" } as EventDraft]);
  assert.equal(new Set(both.map((draft) => messageId("CA1", draft))).size, both.length);
});

test("every body is of the schema", () => {
  for (const [index, [draft]] of DRAFTS.entries()) {
    webhookBodySchema.parse(JSON.parse(webhookBody(eventOf(draft, index + 1))));
  }
});

test("the body of an event is the bytes that receivers have seen since version 1", () => {
  const [, [final]] = DRAFTS as [unknown, [EventDraft]];
  assert.equal(
    webhookBody(eventOf(final, 2)),
    '{"type":"transcript.final","timestamp":"2026-01-02T03:04:05.678Z","data":{"track":"inbound","label":"caller",' +
      '"utterance":3,"startMs":10,"endMs":20,"text":"Hello.","language":"en","confidence":0.9,' +
      '"words":[{"word":"Hello.","startMs":12,"endMs":19,"confidence":0.8}],"version":1,"id":"msg_CA1_inbound_3","callSid":"CA1","sequence":2}}',
  );
});
