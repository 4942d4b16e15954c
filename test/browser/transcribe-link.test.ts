import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeServer, spoken } from "./fake-server.ts";

/** Whether the server has every sample that was said, once and in order. */
function assertWhole(server: FakeServer, from = 0): void {
  assert.ok(server.said > 0);
  assert.deepEqual(server.session.samples, spoken(from, server.said));
}

test("audio from before the session is there goes out first, as 16 bits at the microphone's own rate", () => {
  const server = new FakeServer();
  server.speak(1000);
  assert.deepEqual(Object.fromEntries(server.socket.query), {
    sample_rate: "8000",
    encoding: "s16",
    language: "en",
  });
  server.accept();
  server.speak(1000);
  assertWhole(server);
  assert.deepEqual(server.states, ["live"]);
});

test("after a lost connection the next sample is the one that the server asks for, and no line is told twice", async () => {
  const server = new FakeServer();
  server.accept();
  server.breaksAfter = 12_345;
  server.speak(1500);
  server.ack();
  server.final("one", 800);
  server.speak(500);
  server.socket.break();
  server.breaksAfter = Number.POSITIVE_INFINITY;
  server.speak(2000);
  await server.pass(500);
  assert.equal(server.socket.query.get("after"), "1");
  server.commit("two", 1900);
  server.accept();
  server.socket.tell(server.session.sent[0] as object);
  server.speak(300);
  assertWhole(server);
  assert.deepEqual(server.finals, ["one", "two"]);
  assert.deepEqual(server.states, ["live", "lost", "live"]);
});

test("however often and wherever connections break, every sample arrives once", async () => {
  const breaks = fc.array(
    fc.record({ ms: fc.integer({ min: 1, max: 1500 }), after: fc.integer({ min: 0, max: 9000 }) }),
    {
      maxLength: 6,
    },
  );
  await fc.assert(
    fc.asyncProperty(breaks, async (losses) => {
      const server = new FakeServer();
      server.accept();
      for (const { ms, after } of losses) {
        server.breaksAfter = after;
        server.speak(ms, 37);
        server.socket.break();
        server.breaksAfter = Number.POSITIVE_INFINITY;
        await server.pass(6500);
        server.accept();
      }
      server.speak(100);
      assertWhole(server);
    }),
    { numRuns: 50 },
  );
});

test("thirty seconds without a connection cost nothing", async () => {
  const server = new FakeServer();
  server.accept();
  server.speak(2000);
  server.socket.break();
  server.word = null;
  for (let second = 0; second < 30; second++) {
    server.speak(1000);
    if (server.socket.readyState === 0) server.socket.break();
    await server.pass(0);
  }
  await server.pass(6000);
  assert.equal(Math.round(server.link.behindMs), 32_000);
  server.accept();
  assertWhole(server);
  assert.equal(
    server.events.some(({ type }) => type === "gap"),
    false,
  );
});

test("what is kept no longer is told as a gap, and silence in its place keeps the times true", async () => {
  const server = new FakeServer();
  server.accept();
  server.speak(1000);
  server.socket.break();
  server.speak(60_000);
  await server.pass(6000);
  server.accept();
  const gaps = server.events.filter((event) => event.type === "gap");
  const lostMs = gaps.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  assert.ok(lostMs >= 14_900 && lostMs <= 15_100, `${lostMs}`);
  assert.equal(gaps[0]?.startMs, 1000);
  assert.ok(gaps.every(({ cause }) => cause === "offline"));
  assert.equal(server.session.samples.length, server.said);
  const from = (1000 + lostMs) * 8;
  assert.deepEqual(server.session.samples.slice(from), spoken(from, server.said));
  assert.ok(server.session.samples.slice(8000, from).every((sample) => sample === 0));
});

test("a session that is gone is followed by one that begins where the last line ended, at the right time", async () => {
  const server = new FakeServer();
  server.accept();
  server.speak(3000);
  server.ack();
  server.final("one", 2000);
  server.socket.break();
  // The server is there, and refuses the token.
  for (let time = 0; time < 2; time++) {
    await server.pass(3000);
    assert.equal(server.socket.query.get("resume"), "token 0");
    server.socket.break();
  }
  await server.pass(3000);
  assert.equal(server.socket.query.get("resume"), null);
  server.accept();
  assertWhole(server, 16_000);
  server.final("two", 500);
  const [, two] = server.events.filter((event) => event.type === "final");
  assert.deepEqual([two?.startMs, two?.endMs, two?.words[0]?.endMs], [2000, 2500, 2500]);
});

test("while the server cannot be reached the token is not given up", async () => {
  const server = new FakeServer();
  server.accept();
  server.socket.break();
  server.word = null;
  for (let time = 0; time < 5; time++) {
    await server.pass(6500);
    assert.equal(server.socket.query.get("resume"), "token 0");
    server.socket.break();
  }
  assert.deepEqual(server.states, ["live", "lost"]);
});

test("a server that ends a session at its longest is asked for another, without a sample lost or twice", async () => {
  const server = new FakeServer();
  server.accept();
  server.speak(2000);
  server.ack();
  server.final("one", 1000);
  server.end(4008);
  server.speak(500);
  await server.pass(500);
  server.accept();
  assertWhole(server, 16_000);
});

test("a connection on which nothing comes back is given up, and comes back to its session", async () => {
  const server = new FakeServer();
  server.accept();
  server.speak(1000);
  server.ack();
  await server.pass(60_000);
  assert.equal(server.sockets.length, 1, "silence of a server that has nothing to say");
  server.speak(12_000);
  await server.pass(1000);
  const [first, second] = server.sockets;
  // Any code but 1000, 1001 and none: the session has to wait.
  assert.equal(first?.closedWith, 4000);
  assert.equal(second?.query.get("resume"), "token 0");
  server.accept();
  assertWhole(server);
  // Late news of the first one are nobody's.
  first?.tell({ type: "ack", samples: 0 });
  first?.break(1000);
  assert.equal(server.link.state, "live");
});

test("stopping sends what is left, waits for the last line, and ends once", async () => {
  const server = new FakeServer();
  server.speak(500);
  server.link.finish();
  server.accept();
  assert.equal(server.socket.sent.at(-1), '{"type":"finish"}');
  server.ack();
  server.final("last", 400);
  assert.equal(server.link.state, "live");
  server.end();
  assert.deepEqual(server.states, ["live", "ended"]);
  assert.deepEqual(server.finals, ["last"]);
  await server.pass(10_000);
  assert.equal(server.sockets.length, 1);
});

test("a connection that is lost while stopping does not cost the last line", async () => {
  const server = new FakeServer();
  server.accept();
  server.speak(500);
  server.link.finish();
  server.socket.break();
  await server.pass(500);
  server.commit("last", 400);
  server.accept();
  assert.equal(server.socket.sent.at(-1), '{"type":"finish"}');
  server.ack();
  server.end();
  assert.deepEqual(server.finals, ["last"]);
  assert.equal(server.link.state, "ended");
});

test("stopping without a connection gives up after a minute, and says so", async () => {
  const server = new FakeServer();
  server.accept();
  server.speak(500);
  server.socket.break();
  server.word = null;
  server.link.finish();
  await server.pass(59_000);
  assert.equal(server.link.state, "lost");
  await server.pass(2000);
  assert.deepEqual(server.events.at(-1), { type: "state", state: "failed", code: "PAGE_NOT_SENT" });
});

test("what trying again would not change ends it with its code", async () => {
  const expired = new FakeServer();
  expired.word = { code: "ACCESS_LOGIN_EXPIRED", hopeless: true };
  expired.socket.break();
  await expired.pass(100);
  assert.deepEqual(expired.events.at(-1), { type: "state", state: "failed", code: "ACCESS_LOGIN_EXPIRED" });
  const revoked = new FakeServer();
  revoked.accept();
  revoked.socket.tell({ type: "error", code: "ACCESS_KEY_REVOKED" });
  revoked.socket.break(4001, "ACCESS_KEY_REVOKED");
  assert.deepEqual(revoked.events.at(-1), { type: "state", state: "failed", code: "ACCESS_KEY_REVOKED" });
});

test("a busy server is asked again, ever more seldom", async () => {
  const server = new FakeServer();
  server.word = { code: "ACCESS_TOO_OFTEN", hopeless: false };
  let tries = 0;
  for (let time = 0; time < 600; time++) {
    if (server.socket.readyState === 0 && server.sockets.length > tries) {
      tries = server.sockets.length;
      server.socket.break();
    }
    await server.pass(100);
  }
  assert.ok(tries >= 12 && tries <= 20, `${tries} in a minute`);
  server.link.hurry();
  server.accept();
  assert.equal(server.link.state, "live");
});

test("no more waits in the browser than a quarter of a megabyte, and the rest goes when that is gone", () => {
  const server = new FakeServer();
  server.accept();
  server.socket.bufferedAmount = 256 * 1024;
  server.speak(5000);
  assert.equal(server.session.samples.length, 0);
  assert.equal(server.link.behindMs, 5000);
  server.socket.bufferedAmount = 0;
  server.link.tick();
  assertWhole(server);
});

test("the delay of a line counts from the end of its last word", () => {
  const server = new FakeServer();
  server.accept();
  server.speak(3000);
  server.now += 200;
  server.final("word", 1400);
  const [event] = server.events.filter(({ type }) => type === "final");
  assert.equal(event?.type === "final" && Math.round(event.delayMs), 3000 - 1400 + 200);
});

test("a partial of an utterance that has its line is not shown", () => {
  const server = new FakeServer();
  server.accept();
  server.speak(2000);
  server.final("one", 1000);
  server.socket.tell({ type: "partial", text: "on", stable: 0, start_ms: 100, end_ms: 900 });
  server.socket.tell({ type: "partial", text: "tw", stable: 0, start_ms: 1100, end_ms: 1500 });
  assert.deepEqual(
    server.events.flatMap((event) => (event.type === "partial" ? [event.text] : [])),
    ["tw"],
  );
});

test("while no sound comes, the server is told every 20 s that the page is there", async () => {
  const server = new FakeServer();
  server.accept();
  server.speak(1000);
  server.ack();
  const texts = (): number => server.socket.sent.filter((message) => typeof message === "string").length;
  await server.pass(19_000);
  assert.equal(texts(), 0);
  await server.pass(41_500);
  assert.deepEqual(server.socket.sent.slice(-3), Array(3).fill('{"type":"keepalive"}'));
  assert.equal(texts(), 3);
  server.speak(1000);
  assertWhole(server);
});
