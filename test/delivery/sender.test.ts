import assert from "node:assert/strict";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { LinescribeError } from "../../src/base/error.ts";
import { createSecret, verify } from "../../src/delivery/signing.ts";
import {
  type Answer,
  hang,
  holding,
  letArrive,
  type Received,
  type Receiver,
  reset,
  startReceiver,
  status,
} from "./receiver.ts";
import { createRig } from "./rig.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Sequences that a receiver saw of a call, in the order in which they came. */
function sequencesOf(receiver: Receiver, callSid: string): (number | undefined)[] {
  return receiver.received.filter(({ data }) => data.callSid === callSid).map(({ data }) => data.sequence);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Answers 200 to everything that `bad` does not choose. */
function except(bad: (request: Received) => boolean, answer: Answer): Answer {
  return (request, response) => (bad(request) ? answer : status(200))(request, response);
}

test("every event arrives once, signed, in the order of its call", async (t) => {
  const rig = createRig(t);
  const receiver = await startReceiver(t);
  const calls = range(12).map((number) => `CA${number}`);
  for (const callSid of calls) rig.call(callSid, receiver.url, 10);
  rig.sender.start();
  await rig.sender.quiet();
  for (const callSid of calls) assert.deepEqual(sequencesOf(receiver, callSid), range(10));
  const webhook = new Webhook(rig.secret);
  for (const { body, headers } of receiver.received) webhook.verify(body, headers as Record<string, string>);
  assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 120);
  assert.deepEqual(rig.store.countOutbox(), {
    pending: 0,
    oldestPendingMs: 0,
    dead: 0,
    disabledEndpoints: 0,
  });
  assert.equal(rig.counters.get("delivery.delivered"), 120);
});

test("rows that are committed while it runs are sent when it is woken", async (t) => {
  const rig = createRig(t);
  const receiver = await startReceiver(t);
  rig.sender.start();
  await rig.sender.quiet();
  rig.call("CA1", receiver.url, 1);
  rig.sender.wake();
  await receiver.have(1);
});

test("one row of a call is in flight at a time, and at most the set number of calls of an endpoint", async (t) => {
  const rig = createRig(t, { concurrencyPerEndpoint: 3 });
  const { answer, release } = holding();
  const receiver = await startReceiver(t, answer);
  for (const number of range(10)) rig.call(`CA${number}`, receiver.url, 5);
  rig.sender.start();
  await receiver.have(3);
  rig.sender.wake();
  await letArrive();
  assert.deepEqual([receiver.received.length, rig.sender.inFlight], [3, 3]);
  assert.equal(new Set(receiver.received.map(({ data }) => data.callSid)).size, 3);
  release();
  await rig.sender.quiet();
  assert.equal(receiver.received.length, 50);
  assert.equal(receiver.mostOpen, 3);
});

test("receivers that hang hold up nobody else, also when they have many more calls", async (t) => {
  const rig = createRig(t, { concurrencyPerEndpoint: 4, concurrencyTotal: 12 });
  const slow = await Promise.all([startReceiver(t, hang), startReceiver(t, hang)]);
  const fast = await startReceiver(t);
  for (const number of range(30)) {
    rig.call(`CA_s${number}`, slow[0].url, 2);
    rig.call(`CA_t${number}`, slow[1].url, 2);
  }
  rig.clock.at += 5000;
  for (const number of range(6)) rig.call(`CA_f${number}`, fast.url, 20);
  rig.sender.start();
  await fast.have(120);
  for (const number of range(6)) assert.deepEqual(sequencesOf(fast, `CA_f${number}`), range(20));
  assert.deepEqual([slow[0].open, slow[1].open], [4, 4]);
});

test("endpoints take turns at the total limit, so that one with a long queue does not keep it for itself", async (t) => {
  const rig = createRig(t, { concurrencyTotal: 1 });
  const arrivals: string[] = [];
  const receivers = await Promise.all([startReceiver(t), startReceiver(t), startReceiver(t)]);
  receivers.forEach((receiver, index) => {
    receiver.answer = (_, response) => {
      arrivals.push(`endpoint ${index}`);
      response.end();
    };
    for (const number of range(4)) rig.call(`CA${index}_${number}`, receiver.url, 5);
  });
  rig.sender.start();
  await rig.sender.quiet();
  assert.equal(arrivals.length, 60);
  assert.equal(new Set(arrivals.slice(0, 12)).size, 3, "each had its turn");
});

for (const [calls, finals] of [
  [1, 5],
  [30, 4],
] as const) {
  test(`an hour of 500s loses and parks nothing: ${calls} calls arrive whole and in order afterwards`, async (t) => {
    const rig = createRig(t);
    const receiver = await startReceiver(t, status(500));
    for (const number of range(calls)) rig.call(`CA${number}`, receiver.url, finals);
    rig.sender.start();
    for (let minute = 0; minute < 60; minute += 1) await rig.advance(MINUTE_MS);
    assert.equal(rig.counters.get("delivery.delivered"), 0);
    const { dead, pending } = rig.store.countOutbox();
    assert.deepEqual([dead, pending], [0, calls * finals]);
    // 30 calls would make 200 attempts by their table; the breaker lets through ten and one probe each half minute.
    assert.ok(receiver.received.length <= (calls === 1 ? 7 : 90), `${receiver.received.length} attempts`);

    receiver.received.length = 0;
    receiver.answer = status(200);
    for (let minute = 0; minute < 70; minute += 1) await rig.advance(MINUTE_MS);
    for (const number of range(calls)) assert.deepEqual(sequencesOf(receiver, `CA${number}`), range(finals));
    assert.equal(rig.store.countOutbox().pending, 0);
  });
}

test("a receiver that comes back gets what waited at once, not when each row's wait is over", async (t) => {
  const rig = createRig(t);
  const receiver = await startReceiver(t, reset);
  for (const number of range(20)) rig.call(`CA${number}`, receiver.url, 1);
  rig.sender.start();
  for (let minute = 0; minute < 90; minute += 1) await rig.advance(MINUTE_MS);
  assert.notEqual(Object.values(rig.sender.breakers())[0], "closed");
  receiver.answer = status(200);
  // Waits are up to half an hour by now; the next probe is not far.
  for (let minute = 0; rig.store.countOutbox().pending > 0; minute += 1) {
    assert.ok(minute < 40, "lanes still wait");
    const delivered = rig.counters.get("delivery.delivered");
    await rig.advance(MINUTE_MS);
    if (delivered > 0) assert.fail("the first delivery after the outage did not bring the others");
  }
  assert.equal(rig.counters.get("delivery.breakerOpened"), 1);
});

test("a row that its receiver cannot take is parked within the hour, and its call goes on", async (t) => {
  const rig = createRig(t);
  const bad = (request: Received) => request.id === "msg_CA1_inbound_2";
  const receiver = await startReceiver(t, except(bad, status(500, {}, "cannot read this")));
  rig.call("CA1", receiver.url, 4);
  rig.sender.start();
  for (let minute = 0; minute < 60; minute += 1) {
    // Other calls go on, so the endpoint is known to be well.
    rig.call(`CA_other${minute}`, receiver.url, 1);
    await rig.advance(MINUTE_MS);
  }
  assert.deepEqual(sequencesOf(receiver, "CA1"), [1, 2, 2, 2, 2, 2, 2, 2, 3, 4]);
  const [dead, ...others] = rig.store.listOutbox({ state: "dead" });
  assert.deepEqual(others, []);
  assert.deepEqual(
    [dead?.messageId, dead?.attempts, dead?.lastStatus, dead?.lastResponse],
    ["msg_CA1_inbound_2", 7, 500, "cannot read this"],
  );
  assert.equal(rig.logged.filter((line) => line.includes("DELIVERY_GAVE_UP")).length, 1);

  receiver.answer = status(200);
  const bodies = receiver.received.filter(bad).map(({ body }) => body);
  assert.equal(rig.store.retryOutbox({ all: true }), 1);
  await rig.advance(0);
  assert.equal(receiver.received.at(-1)?.body, bodies[0], "the same id has the same bytes, also by hand");
  assert.equal(new Set(bodies).size, 1);
});

test("content that is refused is dead after four attempts within three minutes", async (t) => {
  const rig = createRig(t);
  const receiver = await startReceiver(
    t,
    except(({ data }) => data.sequence === 1, status(422)),
  );
  rig.call("CA1", receiver.url, 2);
  rig.sender.start();
  for (let count = 0; count < 18; count += 1) await rig.advance(10_000);
  assert.deepEqual(sequencesOf(receiver, "CA1"), [1, 1, 1, 1, 2]);
  assert.equal(rig.store.countOutbox().dead, 1);
});

test("429 with Retry-After pauses the whole endpoint for that long and not longer", async (t) => {
  const rig = createRig(t, { concurrencyPerEndpoint: 1 });
  const receiver = await startReceiver(t, status(429, { "retry-after": "600" }));
  for (const number of range(5)) rig.call(`CA${number}`, receiver.url, 1);
  rig.sender.start();
  await rig.sender.quiet();
  assert.equal(receiver.received.length, 1);
  await rig.advance(599_000);
  assert.equal(receiver.received.length, 1);
  receiver.answer = status(200);
  await rig.advance(1000);
  assert.equal(rig.store.countOutbox().pending, 0);
});

test("a receiver that throttles gets fewer calls at a time, and more again when it takes them", async (t) => {
  const rig = createRig(t, { concurrencyPerEndpoint: 4 });
  const receiver = await startReceiver(t, status(503));
  for (const number of range(6)) rig.call(`CA${number}`, receiver.url, 3);
  rig.sender.start();
  await rig.sender.quiet();
  assert.equal(receiver.received.length, 6);
  const { answer, release } = holding();
  receiver.answer = answer;
  rig.clock.at += 5000;
  rig.sender.wake();
  await receiver.have(7);
  await letArrive();
  assert.equal(receiver.open, 1, "four at a time have become one");
  release();
  await rig.sender.quiet();
  assert.equal(rig.store.countOutbox().pending, 0);
  const again = holding();
  receiver.answer = again.answer;
  for (const number of range(6)) rig.call(`CA_more${number}`, receiver.url, 1);
  rig.sender.wake();
  await receiver.have(6 + 18 + 4);
  await letArrive();
  assert.equal(receiver.open, 4);
  again.release();
});

test("410 turns the endpoint off with everything kept, until an operator retries", async (t) => {
  const rig = createRig(t, { concurrencyPerEndpoint: 1 });
  const receiver = await startReceiver(t, status(410));
  const other = await startReceiver(t);
  rig.call("CA1", receiver.url, 3);
  rig.call("CA2", receiver.url, 1);
  rig.call("CA3", other.url, 1);
  rig.sender.start();
  for (let hour = 0; hour < 100; hour += 1) await rig.advance(HOUR_MS);
  assert.equal(receiver.received.length, 1);
  assert.equal(other.received.length, 1);
  assert.deepEqual([rig.store.countOutbox().pending, rig.store.countOutbox().dead], [4, 0]);
  receiver.answer = status(200);
  const [row] = rig.store.listOutbox({ state: "pending" });
  rig.store.retryOutbox({ ids: [row?.id ?? 0] });
  await rig.advance(0);
  assert.equal(rig.store.countOutbox().pending, 0);
  assert.deepEqual(sequencesOf(receiver, "CA1").slice(1), [1, 2, 3]);
});

test("a redirect is a failure that is retried at the same place, and never goes where it points", async (t) => {
  const rig = createRig(t);
  const trap = await startReceiver(t);
  const receiver = await startReceiver(t, status(307, { location: trap.url }));
  rig.call("CA1", receiver.url, 1);
  rig.sender.start();
  await rig.sender.quiet();
  receiver.answer = status(302, { location: "http://169.254.169.254/" });
  await rig.advance(5000);
  assert.match(rig.store.listOutbox()[0]?.lastError ?? "", /302.*never followed/);
  receiver.answer = status(200);
  await rig.advance(30_000);
  assert.equal(trap.received.length, 0);
  assert.equal(rig.store.countOutbox().pending, 0);
});

test("secrets and URL are those of the moment of sending; each attempt has its own time", async (t) => {
  const [old, fresh] = [createSecret(), createSecret()];
  const target = { secrets: [old], url: "" };
  const rig = createRig(t, { endpoints: () => target });
  const [first, second] = [await startReceiver(t, status(500)), await startReceiver(t)];
  target.url = first.url;
  rig.call("CA1", "http://configured.test/", 1);
  rig.sender.start();
  await rig.sender.quiet();
  target.secrets = [fresh, old];
  target.url = second.url;
  await rig.advance(5000);
  const [one, two] = [first.received[0] as Received, second.received[0] as Received];
  assert.equal(verify(one, [old], rig.clock.at), true);
  assert.equal(verify(two, [fresh], rig.clock.at), true);
  assert.equal(verify(two, [old], rig.clock.at), true);
  assert.deepEqual([two.id, two.body], [one.id, one.body]);
  const [at, later] = [one, two].map(({ headers }) => Number(headers["webhook-timestamp"]));
  assert.equal((later as number) - (at as number), 5);
});

test("an endpoint without configuration or usable secret waits a minute at a time and costs nothing", async (t) => {
  const receiver = await startReceiver(t);
  let target: { url: string; secrets: string[] } | null = null;
  const rig = createRig(t, { endpoints: () => target });
  rig.call("CA1", receiver.url, 2);
  rig.sender.start();
  await rig.sender.quiet();
  for (const secrets of [[], ["whsec_short"], ["not a secret"]]) {
    target = { url: receiver.url, secrets };
    await rig.advance(MINUTE_MS);
  }
  assert.equal(receiver.received.length, 0);
  assert.equal(rig.store.listOutbox()[0]?.attempts, 0);
  assert.equal(rig.logged.length, 4);
  target = { url: receiver.url, secrets: [createSecret()] };
  await rig.advance(MINUTE_MS);
  assert.deepEqual(sequencesOf(receiver, "CA1"), [1, 2]);
});

test("a sender that stops finishes what is in flight and what is due", async (t) => {
  const rig = createRig(t);
  const receiver = await startReceiver(t, (_, response) => setImmediate(() => response.end()));
  for (const number of range(5)) rig.call(`CA${number}`, receiver.url, 10);
  rig.sender.start();
  await receiver.have(1);
  await rig.sender.stop(10_000);
  assert.equal(receiver.received.length, 50);
  assert.equal(rig.store.countOutbox().pending, 0);
  rig.call("CA_late", receiver.url, 1);
  rig.sender.wake();
  await rig.sender.quiet();
  assert.equal(receiver.received.length, 50, "a stopped sender sends nothing");
});

test("at the deadline it gives up what hangs, and the next process sends it at once with the same id and bytes", async (t) => {
  const rig = createRig(t);
  const receiver = await startReceiver(t, hang);
  rig.call("CA1", receiver.url, 2);
  rig.sender.start();
  await receiver.have(1);
  await rig.sender.stop(20);
  assert.equal(rig.store.listOutbox()[0]?.attempts, 0, "an attempt that we gave up counts for nothing");
  receiver.answer = status(200);
  const next = rig.another();
  next.start();
  await next.quiet();
  assert.deepEqual(sequencesOf(receiver, "CA1"), [1, 1, 2]);
  const [before, after] = receiver.received as [Received, Received];
  assert.deepEqual([after.id, after.body], [before.id, before.body]);
});

test("while the store cannot record results nothing is sent twice, and afterwards everything goes on", async (t) => {
  const rig = createRig(t);
  const receiver = await startReceiver(t);
  rig.call("CA1", receiver.url, 3);
  const settle = rig.store.settle.bind(rig.store);
  let refused = 0;
  const full = new Promise<void>((resolve) => {
    rig.store.settle = () => {
      refused += 1;
      if (refused === 3) resolve();
      throw new LinescribeError("STORE_FULL", "No space left to record deliveries", { retryable: true });
    };
  });
  rig.sender.start();
  await receiver.have(1);
  const pokes = setInterval(() => rig.sender.wake(), 1);
  await full;
  clearInterval(pokes);
  assert.equal(receiver.received.length, 1);
  assert.equal(rig.logged.filter((line) => line.includes("STORE_FULL")).length, 1, "told once");
  rig.store.settle = settle;
  rig.sender.wake();
  await rig.sender.quiet();
  assert.deepEqual(sequencesOf(receiver, "CA1"), [1, 2, 3]);
});

test("no spoken word, no secret and no part of a URL but its host goes into a log", async (t) => {
  const rig = createRig(t);
  const receiver = await startReceiver(
    t,
    except(({ data }) => data.sequence === 1, status(400, {}, "spoken-echo")),
  );
  rig.call("CA1", receiver.url, 3);
  rig.sender.start();
  for (let count = 0; count < 20; count += 1) await rig.advance(10_000);
  assert.ok(rig.logged.length >= 6);
  for (const line of rig.logged) assert.doesNotMatch(line, /spoken|secret-in-url|hook|whsec/);
});

test("what was delivered a week ago is pruned", async (t) => {
  const rig = createRig(t, { keepDeliveredMs: 7 * 24 * HOUR_MS });
  const receiver = await startReceiver(t);
  rig.call("CA1", receiver.url, 3);
  rig.sender.start();
  await rig.sender.quiet();
  await rig.sender.stop(1000);
  assert.equal(rig.store.listOutbox().length, 3);
  rig.clock.at += 7 * 24 * HOUR_MS + 1;
  const pruned = new Promise<void>((resolve) => {
    const add = rig.counters.add.bind(rig.counters);
    rig.counters.add = (name, by) => {
      add(name, by);
      if (name === "delivery.pruned") resolve();
    };
  });
  rig.another().start();
  await pruned;
  assert.equal(rig.store.listOutbox().length, 0);
  assert.equal(rig.counters.get("delivery.pruned"), 3);
});
