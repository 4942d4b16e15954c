import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import type { Admitted } from "../../src/access/access.ts";
import { clientAddress } from "../../src/access/client-address.ts";
import { createKeyText } from "../../src/access/key.ts";
import { remoteTrace } from "../../src/access/local.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { bearer, codeOf, type Rig, request, startRig } from "./rig.ts";

/** Resolves with the subprotocol that was answered, or rejects with the refusal. */
async function dial(rig: Rig, protocols: string[], headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(rig.url.replace("http", "ws"), protocols, { headers });
  await once(socket, "open");
  return socket;
}

test("without a key, requests and sockets of this machine are answered, whatever key they send", async (t) => {
  const rig = await startRig(t);
  assert.equal(rig.access.keyless, true);
  const { status, body } = await request(rig);
  assert.equal(status, 200);
  assert.deepEqual(
    { ...body, signal: undefined },
    { ok: true, keyId: null, address: "127.0.0.1", maximumSessionMs: 3_600_000, signal: undefined },
  );
  assert.equal(await codeOf(rig, { authorization: "Token anything" }), "ok");
  assert.equal(await codeOf(rig, { host: `localhost:${rig.port}` }), "ok");
  (await dial(rig, [])).close();
});

const TRACES: [string, Record<string, string>][] = [
  ["X-Forwarded-For of a loopback address", { "x-forwarded-for": "127.0.0.1" }],
  ["an empty X-Forwarded-For", { "x-forwarded-for": "" }],
  ["X-Forwarded-Proto alone", { "x-forwarded-proto": "https" }],
  ["Forwarded", { forwarded: "for=127.0.0.1" }],
  ["X-Real-IP", { "x-real-ip": "127.0.0.1" }],
  ["Via", { via: "1.1 proxy" }],
  ["CF-Connecting-IP of a tunnel", { "cf-connecting-ip": "127.0.0.1" }],
  ["the Host of a public name", { host: "transcribe.example.com" }],
  ["a Host that only begins like this machine", { host: "localhost.example.com" }],
  ["a Host that is an address in its name only", { host: "127.0.0.1.example.com:8080" }],
];
for (const [title, headers] of TRACES) {
  test(`without a key, a request with ${title} is not from this machine`, async (t) => {
    assert.equal(await codeOf(await startRig(t), headers), "ACCESS_LOOPBACK_ONLY");
  });
}

test("without a key, a peer elsewhere is not this machine, whatever its Host says", () => {
  const trace = (remoteAddress: string | undefined): string | null => {
    const headers = { host: "localhost:8080" };
    const request = { headers, httpVersion: "1.1", socket: { remoteAddress } as IncomingMessage["socket"] };
    return remoteTrace(request, clientAddress(request, 0));
  };
  for (const address of ["127.0.0.1", "127.3.4.5", "::1", "::ffff:127.0.0.1"])
    assert.equal(trace(address), null);
  for (const address of ["10.0.0.1", "203.0.113.9", "::ffff:10.0.0.1", "fe80::1%eth0", "::", undefined])
    assert.equal(trace(address), "it comes from another machine", address);
});

test("without a key, HTTP/1.0 is taken for a proxy", async (t) => {
  const rig = await startRig(t);
  const socket = connect(rig.port, "127.0.0.1");
  socket.end(`GET / HTTP/1.0\r\nHost: 127.0.0.1:${rig.port}\r\n\r\n`);
  let answer = "";
  for await (const chunk of socket.setEncoding("utf8")) answer += chunk;
  assert.match(answer, /^HTTP\/1\.1 403 .*ACCESS_LOOPBACK_ONLY/s);
});

for (const trustedProxies of [1, ["127.0.0.0/8"]]) {
  test(`without a key, nothing that a trusted proxy (${trustedProxies}) may have passed on is from this machine`, async (t) => {
    const rig = await startRig(t, { trustedProxies });
    for (const headers of [{}, { "x-forwarded-for": "127.0.0.1" }, { "x-forwarded-for": "203.0.113.9" }])
      assert.equal(await codeOf(rig, headers), "ACCESS_LOOPBACK_ONLY");
  });
}

test("without a key, nobody is an administrator", async (t) => {
  const rig = await startRig(t, { scope: "admin" });
  assert.equal(await codeOf(rig), "ACCESS_SCOPE_MISSING");
});

test("once there is a key it is needed, also from this machine, and also when it is revoked", async (t) => {
  const rig = await startRig(t);
  assert.equal(await codeOf(rig), "ok");
  const { id, text } = rig.addKey();
  assert.equal(await codeOf(rig), "ACCESS_KEY_MISSING");
  assert.equal(await codeOf(rig, bearer(text)), "ok");
  rig.store.keys.revoke(id, rig.clock.now);
  assert.equal(await codeOf(rig, bearer(text)), "ACCESS_KEY_REVOKED");
  assert.equal(await codeOf(rig), "ACCESS_KEY_MISSING");
  assert.equal(rig.access.keyless, false);
});

test("a key is taken from Bearer, Token and subprotocols, and not from the query", async (t) => {
  const rig = await startRig(t);
  const { id, text } = rig.addKey();
  const accepted: Record<string, string>[] = [
    { authorization: `Bearer ${text}` },
    { authorization: `bearer ${text}` },
    { authorization: `Token ${text}` },
    { authorization: `token  ${text} ` },
    { "sec-websocket-protocol": `token, ${text}` },
    { "sec-websocket-protocol": `bearer,${text}` },
    { "sec-websocket-protocol": `v1, token, ${text}, other` },
    { authorization: `Token ${text}`, "sec-websocket-protocol": `token, ${text}` },
    { authorization: `Token ${text}`, "sec-websocket-protocol": "v1" },
  ];
  for (const headers of accepted) {
    const { status, body } = await request(rig, headers);
    assert.deepEqual([status, body.ok && body.keyId], [200, id], JSON.stringify(headers));
  }
  const query = await fetch(`${rig.url}?access_token=${text}&token=${text}&api_key=${text}`);
  assert.equal(query.status, 401);
});

test("what is no single key is refused without a word of it in the answer", async (t) => {
  const rig = await startRig(t);
  const { text } = rig.addKey();
  const other = rig.addKey().text;
  const refused: Record<string, string>[] = [
    { authorization: text },
    { authorization: `Basic ${Buffer.from(`token:${text}`).toString("base64")}` },
    { authorization: `Bearer ${text}, Bearer ${text}` },
    { authorization: `Bearer ${text} ${text}` },
    { authorization: "Bearer " },
    { authorization: `Bearer ${text.slice(0, -1)}` },
    { authorization: `Bearer ${text}x` },
    { authorization: `Bearer ${text.toUpperCase()}` },
    { authorization: `Bearer ${"x".repeat(5000)}` },
    { authorization: `Bearer ${createKeyText().text}` },
    { "sec-websocket-protocol": "token" },
    { "sec-websocket-protocol": "token, " },
    { authorization: `Token ${text}`, "sec-websocket-protocol": `token, ${other}` },
    { authorization: "Token wrong", "sec-websocket-protocol": `token, ${text}` },
  ];
  for (const headers of refused) {
    const { status, body } = await request(rig, headers);
    assert.deepEqual([status, !body.ok && body.code], [401, "ACCESS_KEY_UNKNOWN"], JSON.stringify(headers));
    assert.ok(!JSON.stringify(body).includes(text.slice(12)));
  }
});

test("a secret is compared whole: with the id of another key it is unknown", async (t) => {
  const rig = await startRig(t);
  const [a, b] = [rig.addKey(), rig.addKey()];
  assert.equal(await codeOf(rig, bearer(a.text.replace(a.id, b.id))), "ACCESS_KEY_UNKNOWN");
});

test("the state of a key is told only to who has its secret", async (t) => {
  const rig = await startRig(t);
  const { id } = rig.addKey();
  rig.store.keys.revoke(id, rig.clock.now);
  assert.equal(await codeOf(rig, bearer(createKeyText(id).text)), "ACCESS_KEY_UNKNOWN");
});

test("a key does what its scopes say, and admin everything", async (t) => {
  const rig = await startRig(t, { scope: "read" });
  const allowed = [rig.addKey({ scopes: ["transcribe", "read"] }), rig.addKey({ scopes: ["admin"] })];
  for (const { text } of allowed) assert.equal(await codeOf(rig, bearer(text)), "ok");
  const { status, body } = await request(rig, bearer(rig.addKey({ scopes: ["transcribe"] }).text));
  assert.deepEqual([status, !body.ok && body.code], [403, "ACCESS_SCOPE_MISSING"]);
});

test("a key ends at its expiry to the millisecond, and no session outlasts it", async (t) => {
  const rig = await startRig(t);
  const { text } = rig.addKey({ expiresAt: rig.clock.now + 1000 });
  rig.clock.now += 999;
  const { body } = await request(rig, bearer(text));
  assert.equal(body.ok && body.maximumSessionMs, 1);
  rig.clock.now += 1;
  assert.equal(await codeOf(rig, bearer(text)), "ACCESS_KEY_EXPIRED");
});

test("a rotated key has two secrets for the time of grace, and then one", async (t) => {
  const rig = await startRig(t);
  const { id, text: old } = rig.addKey();
  const { hash, text } = createKeyText(id);
  const at = rig.clock.now;
  const rotation = { id, secretHash: hash, previousUntil: at + 5000, at, expiresAt: null };
  assert.equal(rig.store.keys.rotate(rotation), true);
  assert.equal(await codeOf(rig, bearer(text)), "ok");
  const { body } = await request(rig, bearer(old));
  assert.equal(body.ok && body.maximumSessionMs, 5000);
  rig.clock.now += 5000;
  assert.equal(await codeOf(rig, bearer(old)), "ACCESS_KEY_EXPIRED");
  assert.equal(await codeOf(rig, bearer(text)), "ok");
});

test("a rotation without grace ends the secret before at once", async (t) => {
  const rig = await startRig(t);
  const { id, text: old } = rig.addKey();
  const { hash } = createKeyText(id);
  rig.store.keys.rotate({
    id,
    secretHash: hash,
    previousUntil: null,
    at: rig.clock.now,
    expiresAt: null,
  });
  assert.equal(await codeOf(rig, bearer(old)), "ACCESS_KEY_UNKNOWN");
});

test("a browser's socket gets back the word before the key, never the key", async (t) => {
  const rig = await startRig(t);
  const { text } = rig.addKey();
  for (const word of ["token", "bearer"]) {
    const socket = await dial(rig, [word, text]);
    assert.equal(socket.protocol, word);
    socket.close();
  }
  await assert.rejects(dial(rig, ["token", createKeyText().text]), /401/);
});

test("what a key opened is told to end when the key is revoked, and nothing else is", async (t) => {
  const rig = await startRig(t);
  const [revoked, kept] = [rig.addKey(), rig.addKey()];
  const first = await dial(rig, ["token", revoked.text]);
  const second = await dial(rig, ["token", kept.text]);
  rig.access.sweep();
  const [firstAdmission, secondAdmission] = rig.admissions as [Admitted, Admitted];
  assert.equal(firstAdmission.signal.aborted, false);
  rig.store.keys.revoke(revoked.id, rig.clock.now);
  rig.access.sweep();
  assert.deepEqual(await once(first, "close").then(([code]) => code), 4001);
  assert.equal((firstAdmission.signal.reason as LinescribeError).code, "ACCESS_KEY_REVOKED");
  assert.equal(secondAdmission.signal.aborted, false);
  assert.equal(second.readyState, WebSocket.OPEN);
});

test("what was opened with a secret ends with its time of grace", async (t) => {
  const rig = await startRig(t);
  const { id, text } = rig.addKey();
  await dial(rig, ["token", text]);
  const at = rig.clock.now;
  const { hash } = createKeyText(id);
  rig.store.keys.rotate({ id, secretHash: hash, previousUntil: at + 1000, at, expiresAt: null });
  const [{ signal }] = rig.admissions as [Admitted];
  rig.access.sweep();
  assert.equal(signal.aborted, false);
  rig.clock.now += 1000;
  rig.access.sweep();
  assert.equal((signal.reason as LinescribeError).code, "ACCESS_KEY_EXPIRED");
});

test("when a key was last used is written now and then, not with each request", async (t) => {
  const rig = await startRig(t);
  const { id, text } = rig.addKey();
  await request(rig, bearer(text));
  assert.equal(rig.store.keys.get(id)?.lastUsedAt, null);
  const usedAt = rig.clock.now;
  for (let sweep = 0; sweep < 12; sweep += 1) rig.access.sweep();
  assert.equal(rig.store.keys.get(id)?.lastUsedAt, usedAt);
  rig.clock.now += 1;
  await request(rig, bearer(text));
  rig.access.close();
  assert.equal(rig.store.keys.get(id)?.lastUsedAt, usedAt + 1);
});

test("a store that cannot be read lets nobody in, and one that cannot be written keeps nobody out", async (t) => {
  const failure = (): never => {
    throw new LinescribeError("STORE_FAILED", "disk");
  };
  const unreadable = await startRig(t, {
    keys: () => ({ any: () => true, get: failure, saveLastUsed: failure }),
  });
  const { status, body, retryAfter } = await request(unreadable, bearer(createKeyText().text));
  assert.deepEqual([status, !body.ok && body.code, retryAfter], [503, "STORE_FAILED", "5"]);
  const full = await startRig(t, {
    keys: ({ keys }) => ({
      any: () => keys.any(),
      get: (id) => keys.get(id),
      saveLastUsed: failure,
    }),
  });
  const { text } = full.addKey();
  assert.equal(await codeOf(full, bearer(text)), "ok");
  for (let sweep = 0; sweep < 12; sweep += 1) full.access.sweep();
  assert.equal(full.counters.get("access.lastUsedFailed"), 1);
  assert.equal(await codeOf(full, bearer(text)), "ok");
});
