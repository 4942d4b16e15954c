import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WebSocket } from "ws";
import { TokenBuckets } from "../../src/access/buckets.ts";
import { LimitBook } from "../../src/access/limits.ts";
import { Slots } from "../../src/access/slots.ts";
import { Counters } from "../../src/base/counters.ts";
import { bearer, codeOf, LIMITS, request, startRig } from "./rig.ts";

function buckets(perMinute: number, maximumNames = 100) {
  const clock = { now: 0 };
  const counters = new Counters();
  const made = new TokenBuckets({ name: "b", perMinute, maximumNames, counters, now: () => clock.now });
  return { clock, counters, take: (name: string) => made.take(name), made };
}

test("a bucket of 6 per minute gives 6 at once, then one every 10 s, and says how long to wait", () => {
  const { clock, take, counters } = buckets(6);
  for (let n = 0; n < 6; n += 1) assert.equal(take("a"), 0);
  assert.equal(take("a"), 10_000);
  clock.now = 9_999;
  assert.equal(take("a"), 1);
  clock.now = 10_000;
  assert.equal(take("a"), 0);
  assert.equal(take("a"), 10_000);
  assert.equal(take("b"), 0);
  assert.equal(counters.get("b.refused"), 3);
});

test("who waits as told is let in, also where the fractions add up to a hair less than one", () => {
  const { clock, take } = buckets(50);
  for (let n = 0; n < 50; n += 1) take("a");
  let waitMs = 0;
  for (const gap of [14, 18, 29, 13, 17, 4]) {
    clock.now += gap;
    waitMs = take("a");
  }
  clock.now += waitMs;
  assert.equal(take("a"), 0);
});

test("in any minute a name gets at most twice its rate, and who waits as told is let in", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat(5000), { maxLength: 300 }),
      (perMinute, gaps) => {
        const { clock, take } = buckets(perMinute);
        const granted: number[] = [];
        for (const gap of gaps) {
          clock.now += gap;
          const waitMs = take("a");
          if (waitMs === 0) granted.push(clock.now);
          else assert.ok(waitMs <= Math.ceil(60_000 / perMinute));
        }
        for (const [index, at] of granted.entries()) {
          const within = granted.slice(index).filter((other) => other - at < 60_000).length;
          assert.ok(within <= 2 * perMinute, `${within} of ${perMinute}`);
        }
        const waitMs = take("a");
        clock.now += waitMs;
        if (waitMs > 0) assert.equal(take("a"), 0);
      },
    ),
  );
});

test("a hundred thousand names are no more than the maximum, and the one just used stays", () => {
  const { take, counters, made } = buckets(1, 1000);
  take("mine");
  for (let n = 0; n < 100_000; n += 1) {
    take(`name-${n}`);
    if (n % 500 === 0) assert.notEqual(take("mine"), 0);
  }
  assert.equal(made.size, 1000);
  assert.equal(counters.get("b.forgotten"), 99_001);
});

test("slots of any names come back to nothing, however often each is given back", () => {
  const command = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    give: fc.boolean(),
    index: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(command), fc.integer({ min: 1, max: 4 }), (commands, maximum) => {
      const slots = new Slots(maximum);
      const held: { name: string; give: () => void; given: boolean }[] = [];
      const open = (name: string) => held.filter((slot) => slot.name === name && !slot.given).length;
      for (const { name, give, index } of commands) {
        const chosen = held[index % Math.max(1, held.length)];
        if (give && chosen) {
          chosen.give();
          chosen.given = true;
          continue;
        }
        const before = open(name);
        const leave = slots.take(name);
        assert.equal(leave === null, before >= maximum);
        if (leave) held.push({ name, give: leave, given: false });
      }
      for (const slot of held) slot.give();
      assert.equal(slots.size, 0);
    }),
  );
});

test("what is refused for one limit takes no slot of another", () => {
  const limits = { ...LIMITS, connections: 3, connectionsPerAddress: 2, connectionsPerKey: 1 };
  const book = new LimitBook(limits, new Counters(), () => 0);
  const leave = book.enter("a", "k");
  assert.equal(typeof leave, "function");
  for (let n = 0; n < 5; n += 1) {
    const refused = book.enter("a", "k");
    assert.ok("code" in refused && refused.code === "ACCESS_TOO_MANY");
  }
  assert.equal(typeof book.enter("a", "l"), "function");
  const full = book.enter("a", "m");
  assert.ok("code" in full && /address/.test(full.message));
  assert.equal(typeof book.enter("b", "m"), "function");
  const none = book.enter("c", "n");
  assert.ok("code" in none && none.code === "ACCESS_OVERLOADED");
});

test("an address that comes too often is told when to come back, and let in then", async (t) => {
  const rig = await startRig(t, { limits: { requestsPerMinutePerAddress: 2 } });
  const { text } = rig.addKey();
  assert.equal(await codeOf(rig, bearer("wrong")), "ACCESS_KEY_UNKNOWN");
  assert.equal(await codeOf(rig, bearer(text)), "ok");
  const { status, body, retryAfter } = await request(rig, bearer(text));
  assert.deepEqual([status, !body.ok && body.code, retryAfter], [429, "ACCESS_TOO_OFTEN", "30"]);
  rig.clock.now += 30_000;
  assert.equal(await codeOf(rig, bearer(text)), "ok");
});

test("a key that comes too often is refused, and another key of the same address is not", async (t) => {
  const rig = await startRig(t, { limits: { requestsPerMinutePerKey: 1 } });
  const [a, b] = [rig.addKey(), rig.addKey()];
  assert.equal(await codeOf(rig, bearer(a.text)), "ok");
  assert.equal(await codeOf(rig, bearer(a.text)), "ACCESS_TOO_OFTEN");
  assert.equal(await codeOf(rig, bearer(b.text)), "ok");
});

test("behind a proxy each client has its own limits, and an IPv6 client those of its /64", async (t) => {
  const rig = await startRig(t, { trustedProxies: 1, limits: { requestsPerMinutePerAddress: 1 } });
  const { text } = rig.addKey();
  const from = (address: string) => codeOf(rig, { ...bearer(text), "x-forwarded-for": address });
  assert.equal(await from("198.51.100.1"), "ok");
  assert.equal(await from("198.51.100.2"), "ok");
  assert.equal(await from("198.51.100.1"), "ACCESS_TOO_OFTEN");
  assert.equal(await from("203.0.113.1, 198.51.100.1"), "ACCESS_TOO_OFTEN");
  assert.equal(await from("2001:db8:0:1::1"), "ok");
  assert.equal(await from("2001:db8:0:1::2"), "ACCESS_TOO_OFTEN");
  assert.equal(await from("2001:db8:0:2::1"), "ok");
});

async function opened(url: string, protocols: string[]): Promise<WebSocket | string> {
  const socket = new WebSocket(url.replace("http", "ws"), protocols);
  return new Promise((resolve) => {
    socket.once("open", () => resolve(socket));
    socket.once("error", (error) => resolve(error.message));
  });
}

test("a socket counts until it is closed, and sockets have a rate of their own", async (t) => {
  const rig = await startRig(t, { limits: { connectionsPerKey: 2, socketsPerMinutePerKey: 4 } });
  const { text } = rig.addKey();
  const dial = () => opened(rig.url, ["token", text]);
  const [first, second] = [await dial(), await dial()];
  assert.ok(first instanceof WebSocket && second instanceof WebSocket);
  assert.match((await dial()) as string, /429/);
  first.close();
  await new Promise((resolve) => rig.sockets[0]?.once("close", resolve));
  assert.ok((await dial()) instanceof WebSocket);
  assert.match((await dial()) as string, /429/);
  assert.deepEqual(
    rig.admissions.map((admission) => (admission.ok ? "ok" : admission.code)),
    ["ok", "ok", "ACCESS_TOO_MANY", "ok", "ACCESS_TOO_OFTEN"],
  );
  assert.equal(await codeOf(rig, bearer(text)), "ACCESS_TOO_MANY");
});

test("when all places are taken, the answer is 503 and says when to try again", async (t) => {
  const rig = await startRig(t, { limits: { connections: 1 } });
  assert.ok((await opened(rig.url, [])) instanceof WebSocket);
  const { status, body, retryAfter } = await request(rig);
  assert.deepEqual([status, !body.ok && body.code, retryAfter], [503, "ACCESS_OVERLOADED", "5"]);
});
