import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { compare, type HeardText } from "../../src/cli/demo/comparison.ts";
import { Receiver } from "../../src/cli/demo/receiver.ts";
import { loadFixture, type SpokenText } from "../../src/cli/demo/reference.ts";
import type { DemoRun } from "../../src/cli/demo/run.ts";
import { judge } from "../../src/cli/demo/verdict.ts";
import { createSecret, sign } from "../../src/delivery/signing.ts";
import { type CallEvent, type EventDraft, messageId, webhookBody } from "../../src/transcript/event.ts";

function event(sequence: number, draft: EventDraft): CallEvent {
  const timestamp = new Date(sequence * 1000).toISOString();
  return { ...draft, version: 1, id: messageId("CA1", draft), callSid: "CA1", sequence, timestamp };
}

function said(startMs: number, endMs: number, text: string): SpokenText {
  return { track: "inbound", startMs, endMs, text };
}

function heard(startMs: number, endMs: number, text: string, arrivedAt: number): HeardText {
  return { track: "inbound", startMs, endMs, text, arrivedAt };
}

const final = (utterance: number, startMs: number, text: string): EventDraft => ({
  type: "transcript.final",
  track: "inbound",
  label: "inbound",
  utterance,
  startMs,
  endMs: startMs + 1000,
  text,
  language: "en",
  confidence: 0.9,
  words: [],
});
const end: EventDraft = {
  type: "call.ended",
  reason: "stream_stopped",
  durationMs: 9000,
  finals: 2,
  gaps: 0,
};
const COMMITTED = [
  event(1, final(1, 1000, "Good morning.")),
  event(2, final(2, 4000, "Goodbye.")),
  event(3, end),
];

async function verdict(changes: Partial<DemoRun> = {}) {
  const { call } = await loadFixture("greeting-connect");
  const run: DemoRun = {
    startMs: 1,
    report: {
      callSid: "CA1",
      mode: "connect",
      verbs: [],
      streams: [],
      packets: 1,
      errors: [],
      mediaStartedAt: 0,
      endedAt: 0,
      aborted: false,
    },
    committed: COMMITTED,
    received: COMMITTED.map((one) => ({ event: one, body: webhookBody(one), arrivedAt: 9000 })),
    refused: 0,
    startedAt: 0,
    ...changes,
  };
  return judge(run, { call, spoken: [said(1100, 1900, "Good morning"), said(4100, 4900, "Goodbye")] });
}

test("a call whose finals all arrived, in order and last its end, passes", async () => {
  const { faults, finals, arrived, comparison } = await verdict();
  assert.deepEqual([faults, finals, arrived, comparison.total.wer], [[], 2, 2, 0]);
});

test("a final that is lost or changed, a refused webhook, a wrong order or a missing end each fail the demo", async () => {
  const all = COMMITTED.map((one) => ({ event: one, body: webhookBody(one), arrivedAt: 9000 }));
  const [first, second, last] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]];
  const faulty: Partial<DemoRun>[] = [
    { received: [first, last] },
    { received: [first, { ...second, body: second.body.replace("Goodbye", "Good bye") }, last] },
    { refused: 1 },
    { received: [second, first, last] },
    { received: [first, last, second] },
    { received: [first, second] },
    { committed: [], received: [] },
  ];
  for (const changes of faulty) assert.notDeepEqual((await verdict(changes)).faults, []);
  assert.deepEqual((await verdict({ received: [first, second, second, last] })).faults, []);
});

test("an error rate of 15 % or more fails the demo", async () => {
  const committed = [event(1, final(1, 1000, "Good evening.")), ...COMMITTED.slice(1)];
  const received = committed.map((one) => ({ event: one, body: webhookBody(one), arrivedAt: 9000 }));
  const { faults } = await verdict({ committed, received });
  assert.match(faults.join(), /33\.3 %/);
});

test("texts are compared where they overlap, whether they were split, run together, missed or made up", () => {
  const spoken = [
    said(1000, 3000, "red green"),
    said(4000, 5000, "blue"),
    said(5600, 6000, "white"),
    said(8000, 9000, "black"),
  ];
  const finals = [
    heard(700, 1900, "Red", 3000),
    heard(1900, 3300, "green.", 4100),
    // Its pre-roll reaches into nothing, its tail 100 ms into the next text, which belongs to the next final.
    heard(3700, 6300, "blue white", 7000),
    heard(11_000, 12_000, "grey", 13_000),
  ];
  const { rows, total } = compare(spoken, finals, { startedAt: 100, language: "en" });
  assert.deepEqual(
    rows.map((row) => [row.expected, row.heard, row.wer, row.delayMs]),
    [
      ["red green", "Red green.", 0, 1000],
      ["blue white", "blue white", 0, 900],
      ["black", "", 1, null],
      ["", "grey", 1, null],
    ],
  );
  assert.deepEqual([total.deletions, total.insertions, total.words], [1, 1, 5]);
});

test("a tail that reaches into the next text does not tie the two together", () => {
  const spoken = [said(1000, 2000, "one"), said(2150, 3000, "two")];
  const finals = [heard(700, 2300, "one", 2500), heard(2300, 3300, "two", 3500)];
  const { rows } = compare(spoken, finals, { startedAt: 0, language: "en" });
  assert.deepEqual(
    rows.map((row) => row.heard),
    ["one", "two"],
  );
});

async function startReceiver(t: TestContext) {
  const secret = createSecret();
  const receiver = new Receiver(secret);
  const url = await receiver.start();
  t.after(() => receiver.close());
  const post = async (body: string, id: string, key: string) => {
    const headers = { ...sign({ id, at: Date.now(), body }, [key]) };
    return (await fetch(url, { method: "POST", body, headers })).status;
  };
  return { secret, receiver, post };
}

test("the receiver takes what is signed with its secret, and nothing else", async (t) => {
  const { secret, receiver, post } = await startReceiver(t);
  const [one] = COMMITTED as [CallEvent];
  const body = webhookBody(one);
  assert.equal(await post(body, one.id, createSecret()), 401);
  assert.equal(await post(body, "msg_other", secret), 400);
  assert.equal(await post("{", one.id, secret), 400);
  assert.deepEqual([receiver.received, receiver.refused], [[], 3]);
  const came = receiver.have(({ id }) => id === one.id, 5000);
  assert.equal(await post(body, one.id, secret), 204);
  assert.equal(await came, true);
  assert.deepEqual(receiver.received[0]?.event, one);
});

test("a recorded call that does not exist is an error, and a name cannot leave the folder", async () => {
  for (const name of ["none", "../speech/manifest"]) {
    await assert.rejects(loadFixture(name), { code: "REPLAY_REFUSED" });
  }
});
