import assert from "node:assert/strict";
import { test } from "node:test";
import { LinescribeError } from "../../src/base/error.ts";
import { INSIDE } from "../fetch/rig.ts";
import { startRig } from "./outside-rig.ts";

const RETRY_MS = 30_000;
const code = (expected: string) => (error: unknown) => (error as LinescribeError).code === expected;

test("a callback is sent as asked, with the id of its request and key, and is gone then", async (t) => {
  const rig = await startRig(t);
  rig.callbacks.start();
  rig.callbacks.enqueue(rig.of("r1", '{"a":1}', { method: "PUT", url: `${rig.url}hook?token=secret` }));
  await rig.advance(0);
  const [{ path, method, body, headers } = assert.fail()] = rig.posted;
  assert.deepEqual([path, method, body], ["/hook?token=secret", "PUT", '{"a":1}']);
  assert.deepEqual([headers["dg-request-id"], headers["dg-token"]], ["r1", "key1"]);
  assert.equal(headers["content-type"], "application/json");
  assert.deepEqual(rig.store.callbacks.list(), []);
  assert.equal(rig.counters.get("callbacks.delivered"), 1);
});

test("a receiver that answers 500 is asked again after 30 s, ten times, and then given up", async (t) => {
  const rig = await startRig(t);
  rig.answer = (_, response) => void response.writeHead(500).end("no");
  rig.callbacks.start();
  rig.callbacks.enqueue(rig.of("r1", '"spoken words"', { url: `${rig.url}hook?token=secret` }));
  await rig.advance(0);
  await rig.advance(RETRY_MS - 1);
  assert.equal(rig.posted.length, 1);
  await rig.advance(1);
  assert.equal(rig.posted.length, 2);
  for (let retry = 0; retry < 20; retry += 1) await rig.advance(RETRY_MS);
  assert.equal(rig.posted.length, 11);
  const [row = assert.fail()] = rig.store.callbacks.list();
  assert.deepEqual([row.state, row.attempts, row.lastStatus], ["dead", 11, 500]);
  const log = rig.logged.join();
  assert.match(log, /DELIVERY_GAVE_UP/);
  assert.doesNotMatch(log, /spoken|secret/);
});

test("callbacks of one request come in their order, also when the first fails, and others do not wait", async (t) => {
  const rig = await startRig(t);
  let failing = true;
  rig.answer = ({ body }, response) => void response.writeHead(body === "1" && failing ? 503 : 200).end();
  rig.callbacks.start();
  for (const body of ["1", "2", "3"]) rig.callbacks.enqueue(rig.of("r1", body));
  rig.callbacks.enqueue(rig.of("r2", "other"));
  await rig.advance(0);
  assert.deepEqual(rig.posted.map(({ body }) => body).sort(), ["1", "other"]);
  failing = false;
  await rig.advance(RETRY_MS);
  assert.deepEqual(
    rig.posted.slice(2).map(({ body }) => body),
    ["1", "2", "3"],
  );
});

test("behind a callback that was given up the next of its request have one try each until one is taken", async (t) => {
  const rig = await startRig(t, { schedule: { retries: 1 } });
  let status = 500;
  rig.answer = (_, response) => void response.writeHead(status).end();
  rig.callbacks.start();
  for (const body of ["1", "2", "3", "4", "5"]) rig.callbacks.enqueue(rig.of("r1", body));
  await rig.advance(0);
  rig.answer = ({ body }, response) =>
    void response.writeHead(body === "3" || body === "5" ? 200 : 500).end();
  await rig.advance(RETRY_MS);
  // 2 had one try, 3 was taken, so 4 has all of its tries again.
  assert.equal(rig.posted.map(({ body }) => body).join(""), "11234");
  status = 200;
  await rig.advance(RETRY_MS);
  assert.equal(rig.posted.map(({ body }) => body).join(""), "1123445");
});

test("a redirect is not followed, wherever it leads, and counts as a failure", async (t) => {
  const rig = await startRig(t);
  rig.answer = (_, response) => {
    response.writeHead(307, { location: `http://${INSIDE}:${rig.port}/metadata` }).end();
  };
  rig.callbacks.start();
  rig.callbacks.enqueue(rig.of("r1", "1"));
  await rig.advance(0);
  assert.equal(rig.store.callbacks.list()[0]?.lastStatus, 307);
  assert.deepEqual(rig.reached, []);
});

test("a name that leads inside is given up at once, and so is one that leads inside the next time", async (t) => {
  let answers = 0;
  const rig = await startRig(
    t,
    {},
    {
      resolve: async (name) => {
        answers += 1;
        return [name.startsWith("inside") || answers > 1 ? INSIDE : "127.0.0.2"];
      },
    },
  );
  rig.answer = (_, response) => void response.writeHead(500).end();
  rig.callbacks.start();
  rig.callbacks.enqueue(rig.of("r1", "1"));
  await rig.advance(0);
  assert.equal(rig.posted.length, 1);
  await rig.advance(RETRY_MS);
  rig.callbacks.enqueue(rig.of("r2", "1", { url: `http://inside.example:${rig.port}/` }));
  await rig.advance(RETRY_MS);
  const facts = rig.store.callbacks.list().map(({ state, lastError }) => [state, lastError]);
  assert.deepEqual(facts, [
    ["dead", "FETCH_FORBIDDEN_ADDRESS"],
    ["dead", "FETCH_FORBIDDEN_ADDRESS"],
  ]);
  assert.deepEqual(rig.reached, []);
});

test("URLs that cannot be right are refused before anything is kept", async (t) => {
  const rig = await startRig(t);
  const refused = [
    ["ftp://media.example/", "FETCH_BAD_URL"],
    ["http://user:pass@media.example/", "FETCH_BAD_URL"],
    [`http://${INSIDE}:${rig.port}/`, "FETCH_FORBIDDEN_ADDRESS"],
    ["http://[::1]/", "FETCH_FORBIDDEN_ADDRESS"],
    ["http://0x7f.1/", "FETCH_FORBIDDEN_ADDRESS"],
  ] as const;
  for (const [url, expected] of refused) {
    assert.throws(() => rig.callbacks.enqueue(rig.of("r1", "1", { url })), code(expected), url);
  }
  assert.deepEqual(rig.store.callbacks.list(), []);
});

test("a receiver that hangs holds up four places, and not another receiver", async (t) => {
  const rig = await startRig(t, { concurrency: 6 });
  rig.answer = ({ headers }, response) => {
    if (!headers.host?.startsWith("hung")) response.end();
  };
  rig.callbacks.start();
  const url = `http://hung.example:${rig.port}/`;
  for (let index = 0; index < 20; index += 1) rig.callbacks.enqueue(rig.of(`h${index}`, "h", { url }));
  for (let index = 0; index < 20; index += 1) rig.callbacks.enqueue(rig.of(`w${index}`, "w"));
  while (rig.counters.get("callbacks.delivered") < 20) await new Promise(setImmediate);
  assert.ok(rig.posted.filter(({ body }) => body === "h").length <= 4);
});

test("the body of a row is read when it is sent, and not again while it is under way", async (t) => {
  const rig = await startRig(t, { concurrency: 6 });
  const { callbacks } = rig.store;
  const read = t.mock.method(callbacks, "body");
  const due = t.mock.method(callbacks, "due");
  rig.answer = ({ headers }, response) => {
    if (!headers.host?.startsWith("hung")) response.end();
  };
  rig.callbacks.start();
  const url = `http://hung.example:${rig.port}/`;
  for (let index = 0; index < 8; index += 1) rig.callbacks.enqueue(rig.of(`h${index}`, "h", { url }));
  for (let index = 0; index < 8; index += 1) rig.callbacks.enqueue(rig.of(`w${index}`, "w"));
  while (rig.counters.get("callbacks.delivered") < 8) await new Promise(setImmediate);
  const ids = read.mock.calls.map(({ arguments: [id] }) => id);
  assert.deepEqual([ids.length, new Set(ids).size], [12, 12]);
  const heads = due.mock.calls.flatMap(({ result }) => result ?? []);
  assert.ok(heads.length > 0 && heads.every((head) => !("body" in head)));
});

test("a row that is not owed any more when its body is read is not sent, and those behind it are", async (t) => {
  const rig = await startRig(t);
  const { callbacks } = rig.store;
  const body = callbacks.body.bind(callbacks);
  t.mock.method(callbacks, "body", (id: number) => (id === 1 ? null : body(id)));
  rig.callbacks.start();
  for (const requestId of ["1", "2"]) rig.callbacks.enqueue(rig.of(requestId, requestId));
  while (rig.counters.get("callbacks.delivered") === 0) await new Promise(setImmediate);
  assert.deepEqual(
    rig.posted.map(({ body }) => body),
    ["2"],
  );
  assert.equal(body(2), null);
});

test("a receiver that does not answer in time has failed", async (t) => {
  const rig = await startRig(t, { schedule: { timeoutMs: 50 } });
  rig.answer = () => {};
  rig.callbacks.start();
  rig.callbacks.enqueue(rig.of("r1", "1"));
  await rig.advance(0);
  const [row = assert.fail()] = rig.store.callbacks.list();
  assert.deepEqual([row.state, row.attempts, row.lastError], ["pending", 1, "FETCH_TIMEOUT"]);
});

test("what was accepted and not delivered is sent after a restart, in order and once", async (t) => {
  const rig = await startRig(t);
  rig.answer = () => {};
  rig.callbacks.start();
  rig.callbacks.enqueue(rig.of("r1", "1"));
  rig.callbacks.enqueue(rig.of("r1", "2"));
  while (rig.posted.length === 0) await new Promise(setImmediate);
  await rig.restart();
  rig.answer = (_, response) => void response.end();
  rig.posted.length = 0;
  rig.callbacks.start();
  await rig.advance(0);
  assert.deepEqual(
    rig.posted.map(({ body }) => body),
    ["1", "2"],
  );
});

test("a promised callback is sent when its result is there, and says so when a restart took the result", async (t) => {
  const rig = await startRig(t);
  rig.callbacks.start();
  const kept = rig.callbacks.promise(rig.of("r1", "lost 1"));
  rig.callbacks.promise(rig.of("r2", "lost 2"));
  await rig.advance(RETRY_MS);
  assert.deepEqual(rig.posted, []);
  await kept.fulfil("result 1");
  await kept.fulfil("a second time changes nothing");
  await rig.advance(0);
  assert.deepEqual(
    rig.posted.map(({ body }) => body),
    ["result 1"],
  );
  await rig.restart();
  rig.callbacks.start();
  await rig.advance(0);
  assert.deepEqual(
    rig.posted.map(({ body }) => body),
    ["result 1", "lost 2"],
  );
});

test("a result waits for a store that takes nothing, until the server stops", async (t) => {
  const waits: (() => void)[] = [];
  const rig = await startRig(t, { wait: () => new Promise((resolve) => waits.push(resolve)) });
  rig.callbacks.start();
  const [first, second] = ["r1", "r2"].map((id) => rig.callbacks.promise(rig.of(id, "lost")));
  const failing = t.mock.method(rig.store.callbacks, "fulfil", () => {
    throw new LinescribeError("STORE_FULL", "No space left");
  });
  const kept = first?.fulfil("result 1");
  assert.equal(waits.length, 1);
  failing.mock.restore();
  waits.shift()?.();
  await kept;
  await rig.advance(0);
  assert.deepEqual(
    rig.posted.map(({ body }) => body),
    ["result 1"],
  );
  t.mock.method(rig.store.callbacks, "fulfil", () => {
    throw new LinescribeError("STORE_FAILED", "Could not");
  });
  const given = assert.rejects(second?.fulfil("result 2") ?? assert.fail(), code("STORE_FAILED"));
  await rig.callbacks.stop(0);
  waits.shift()?.();
  await given;
  assert.equal(rig.counters.get("store.retries"), 2);
});

test("a key has a share of the queue and the queue an end, in rows and in bytes, with a code", async (t) => {
  const bounds = { rows: 4, rowsPerKey: 2, bytes: 100, bytesPerKey: 60 };
  const rig = await startRig(t, { bounds });
  const enqueue = (keyId: string | null, body: string) => rig.callbacks.enqueue(rig.of("r", body, { keyId }));
  enqueue("a", "1");
  rig.callbacks.promise(rig.of("p", "1", { keyId: "a" }));
  assert.throws(() => enqueue("a", "1"), code("DELIVERY_OVERLOADED"));
  assert.throws(() => enqueue("b", "x".repeat(61)), code("DELIVERY_OVERLOADED"));
  enqueue("b", "x".repeat(50));
  assert.throws(() => enqueue(null, "x".repeat(50)), code("DELIVERY_OVERLOADED"));
  enqueue(null, "1");
  assert.throws(() => enqueue("c", "1"), code("DELIVERY_OVERLOADED"));
  assert.throws(() => enqueue("c", "x".repeat(17 * 1024 * 1024)), code("DELIVERY_TOO_LARGE"));
  assert.equal(rig.counters.get("callbacks.refused"), 4);
  rig.callbacks.start();
  await rig.advance(0);
  enqueue("a", "what was delivered has left its place");
});

test("a callback that was given up keeps no content and is forgotten after days", async (t) => {
  const rig = await startRig(t, { schedule: { retries: 0 }, keepDeadMs: 1000 });
  rig.answer = (_, response) => void response.writeHead(404).end();
  rig.callbacks.start();
  rig.callbacks.enqueue(rig.of("r1", "spoken"));
  await rig.advance(0);
  assert.equal(rig.store.callbacks.list()[0]?.state, "dead");
  await rig.advance(3_600_000);
  assert.deepEqual(rig.store.callbacks.list(), []);
});

test("stopping sends what is due before it ends", async (t) => {
  const rig = await startRig(t);
  rig.callbacks.start();
  for (const body of ["1", "2", "3"]) rig.callbacks.enqueue(rig.of("r1", body));
  await rig.callbacks.stop(5000);
  assert.deepEqual(
    rig.posted.map(({ body }) => body),
    ["1", "2", "3"],
  );
});
