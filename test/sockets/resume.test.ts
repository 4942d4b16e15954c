import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { settle } from "../call/rig.ts";
import { bytesOf, toneOf } from "../session/rig.ts";
import { type Client, type SocketsRig, socketsOf } from "./rig.ts";

const SPEECH = [
  { startMs: 500, endMs: 1500 },
  { startMs: 2600, endMs: 3300 },
];
const BYTES = bytesOf(toneOf(4500, SPEECH), { encoding: "float32" });
const SAMPLE_BYTES = 4;

const tokenOf = (client: Client): string => client.of("session")[0]?.resume_token as string;
const finalsOf = (...clients: Client[]) => clients.flatMap((client) => client.of("final"));

/** Goes on where the server has taken everything. */
async function resume(rig: SocketsRig, before: Client, after = 0): Promise<Client> {
  const client = await rig.connect(`?resume=${tokenOf(before)}&after=${after}`);
  const [greeting] = client.of("session");
  assert.equal(greeting?.resumed, true);
  client.send(BYTES.subarray((greeting?.samples as number) * SAMPLE_BYTES));
  return client;
}

test("a socket that is killed anywhere, also within a word and a sample, costs and doubles nothing", async (t) => {
  const rig = await socketsOf(t);
  const whole = await rig.connect();
  whole.send(BYTES);
  await whole.finish();
  const expected = finalsOf(whole);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: BYTES.length }), async (cut) => {
      const first = await rig.connect();
      first.send(BYTES.subarray(0, cut));
      await first.answered();
      const seen = finalsOf(first).at(-1)?.sequence ?? 0;
      first.socket.terminate();
      await first.closed;
      const second = await resume(rig, first, seen);
      await second.finish();
      assert.deepEqual(finalsOf(first, second), expected);
    }),
    { numRuns: 15 },
  );
});

test("events that were missed are told again by their sequence, with the text up to each", async (t) => {
  const rig = await socketsOf(t);
  const first = await rig.connect();
  first.send(BYTES);
  await first.answered();
  await settle();
  first.socket.terminate();
  await first.closed;
  const again = await rig.connect(`?resume=${tokenOf(first)}`);
  await again.first("final");
  const [final] = again.of("final");
  assert.deepEqual([final?.sequence, final?.full_transcript], [2, final?.text]);
  again.socket.terminate();
  await again.closed;
  const later = await rig.connect(`?resume=${tokenOf(first)}&after=2`);
  await later.finish();
  assert.deepEqual(
    later.of("final").map(({ sequence }) => sequence),
    [3],
  );
  assert.ok(later.of("final")[0]?.full_transcript.startsWith(`${final?.text} `));
});

test("a client that claims to have more than there is misses nothing", async (t) => {
  const rig = await socketsOf(t);
  const first = await rig.connect();
  first.socket.terminate();
  await first.closed;
  const second = await resume(rig, first, 999);
  await second.finish();
  assert.equal(second.of("final").length, 2);
});

test("a session whose end was not heard is ended again, and then forgotten", async (t) => {
  const rig = await socketsOf(t);
  const first = await rig.connect();
  first.send(BYTES, { type: "finish" });
  first.socket.pause();
  await settle();
  first.socket.terminate();
  await settle();
  const second = await rig.connect(`?resume=${tokenOf(first)}`);
  assert.equal((await second.closed).code, 1000);
  assert.equal(second.of("final").length, 2);
  assert.equal(second.of("end")[0]?.reason, "finished");
  await settle();
  assert.equal((await rig.refusal(`?resume=${tokenOf(first)}`)).status, 404);
});

test("whoever resumes an ended session of which it has all is let go at once", async (t) => {
  const rig = await socketsOf(t);
  const first = await rig.connect();
  first.send(BYTES, { type: "finish" });
  // The end is committed, and the close of the socket was not agreed on.
  first.socket.pause();
  await settle();
  first.socket.terminate();
  await settle();
  const second = await rig.connect(`?resume=${tokenOf(first)}&after=4`);
  assert.equal((await second.closed).code, 1000);
  assert.deepEqual([second.of("final").length, second.of("end").length], [0, 0]);
  await settle();
  assert.equal((await rig.refusal(`?resume=${tokenOf(first)}`)).status, 404);
});

test("whoever resumes a session that was deleted after its end is let go, too", async (t) => {
  const rig = await socketsOf(t);
  const first = await rig.connect();
  first.send(BYTES, { type: "finish" });
  first.socket.pause();
  await settle();
  first.socket.terminate();
  await settle();
  const [ended] = rig.store.catalogue.list({ limit: 1 }).rows;
  assert.equal(rig.store.removeCall(ended?.callSid ?? ""), "removed");
  const second = await rig.connect(`?resume=${tokenOf(first)}&after=0`);
  assert.equal((await second.closed).code, 1000);
});

test("a second socket takes the session over from one that is still open", async (t) => {
  const rig = await socketsOf(t);
  const first = await rig.connect();
  first.send(BYTES.subarray(0, 100_001));
  await first.answered();
  const second = await resume(rig, first);
  assert.deepEqual(await first.closed, { code: 4009, reason: "SESSION_TAKEN_OVER" });
  await second.finish();
  assert.equal(second.of("final").length, 2);
  assert.equal(rig.sessions.active, 0);
});

test("a socket that was displaced and leaves at the same moment does not end the session", async (t) => {
  const rig = await socketsOf(t);
  const first = await rig.connect();
  first.send(BYTES.subarray(0, 100_001));
  await first.answered();
  first.socket.pause();
  const second = await rig.connect(`?resume=${tokenOf(first)}`);
  first.socket.close(1000);
  first.socket.resume();
  await first.closed;
  await settle();
  assert.equal(rig.sessions.active, 1);
  second.send(BYTES.subarray((second.of("session")[0]?.samples as number) * SAMPLE_BYTES));
  await second.finish();
  assert.equal(second.of("final").length, 2);
});

test("a token is worth nothing after its time, to another key, and after the end", async (t) => {
  const rig = await socketsOf(t, { limits: { resumeMs: 60_000 } });
  const late = await rig.connect();
  late.socket.terminate();
  await late.closed;
  await settle();
  rig.advance(61_000);
  assert.equal((await rig.refusal(`?resume=${tokenOf(late)}`)).body.code, "SESSION_UNKNOWN");
  const done = await rig.connect();
  await done.finish();
  await settle();
  assert.equal((await rig.refusal(`?resume=${tokenOf(done)}`)).body.code, "SESSION_UNKNOWN");

  let keyId = "one";
  const { signal } = new AbortController();
  const admission = () =>
    ({ ok: true, keyId, address: "::1", maximumSessionMs: 1e6, signal, release() {} }) as const;
  const keyed = await socketsOf(t, { access: { admit: async () => admission() } });
  const own = await keyed.connect();
  own.socket.terminate();
  await own.closed;
  keyId = "another";
  assert.equal((await keyed.refusal(`?resume=${tokenOf(own)}`)).body.code, "SESSION_UNKNOWN");
  keyId = "one";
  await resume(keyed, own);
});

test("no client keeps more than 16 sessions waiting", async (t) => {
  const rig = await socketsOf(t);
  const clients: Client[] = [];
  for (let index = 0; index < 18; index++) {
    const client = await rig.connect();
    clients.push(client);
    client.socket.terminate();
    await client.closed;
    await settle();
    rig.advance(1);
  }
  await settle();
  assert.equal(rig.sessions.active, 16);
  assert.equal((await rig.refusal(`?resume=${tokenOf(clients[1] as Client)}`)).status, 404);
  await resume(rig, clients[2] as Client);
});
