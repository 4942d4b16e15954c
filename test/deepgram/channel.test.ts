import assert from "node:assert/strict";
import { test } from "node:test";
import { Channel } from "../../src/deepgram/channel.ts";
import { modelFacts } from "../../src/deepgram/model.ts";
import type { ServerMessage } from "../../src/deepgram/server-message.ts";

test("what interim results cover grows, also where a pause shows less than was drafted before", () => {
  const told: ServerMessage[] = [];
  const channel = new Channel({
    channel: 0,
    facts: { requestId: "id", model: modelFacts("m"), channels: 1 },
    asked: {
      punctuated: true,
      detectLanguage: false,
      language: "en",
      interimResults: true,
      vadEvents: false,
      utteranceEndMs: null,
      endpointing: "default",
    },
    prefixPadMs: 300,
    tell: (message) => told.push(message),
  });
  const partial = { type: "transcript.partial", track: "inbound", label: "speaker" } as const;
  for (const [startMs, endMs] of [
    [1000, 2000],
    [1000, 1800],
    [5000, 5500],
  ] as const) {
    channel.partial({
      ...partial,
      utterance: 1,
      startMs,
      endMs,
      text: "One two.",
      stable: 0,
      endpoint: false,
    });
  }
  const ranges = told.map((message) => (message.type === "Results" ? [message.start, message.duration] : []));
  assert.deepEqual(ranges, [
    [1, 1],
    [1, 1],
    [5, 0.5],
  ]);
});
