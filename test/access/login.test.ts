import assert from "node:assert/strict";
import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import type { Refusal } from "../../src/access/refusal.ts";
import { bearer, codeOf, type Rig, type RigOptions, startRig } from "./rig.ts";

const LOGIN = { maximumMs: 100_000, idleMs: 30_000 };

/** A POST of a browser, as `logIn` and `logOut` get it. */
function post(rig: Rig, headers: Record<string, string> = {}): IncomingMessage {
  const socket = Object.defineProperty(new Socket(), "remoteAddress", { value: "127.0.0.1" });
  const request = new IncomingMessage(socket);
  const host = `127.0.0.1:${rig.port}`;
  return Object.assign(request, { method: "POST", headers: { host, origin: `http://${host}`, ...headers } });
}

async function start(
  t: TestContext,
  options: RigOptions = {},
): Promise<Rig & { cookie: string; key: { id: string; text: string } }> {
  const rig = await startRig(t, { login: LOGIN, logins: (store) => store.logins, ...options });
  const key = rig.addKey();
  return { ...rig, key, cookie: await logIn(rig, key.text) };
}

/** Logs a browser in; returns what it sends in `Cookie`. */
async function logIn(rig: Rig, key: string, headers: Record<string, string> = {}): Promise<string> {
  const outcome = await rig.access.logIn(post(rig, headers), key);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return (outcome.cookies[0] as string).split(";")[0] as string;
}

async function refused(outcome: Promise<{ ok: true } | Refusal>): Promise<string> {
  const answer = await outcome;
  return answer.ok ? "ok" : answer.code;
}

const own = (rig: Rig): Record<string, string> => ({ origin: `http://127.0.0.1:${rig.port}` });

/** How an upgrade with these headers is answered. */
async function upgrade(rig: Rig, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(rig.url.replace("http", "ws"), { headers });
  socket.on("error", () => {});
  const [response] = await Promise.race([
    once(socket, "unexpected-response").then(([, answer]) => [answer as { statusCode: number }]),
    once(socket, "open").then(() => [{ statusCode: 101 }]),
  ]);
  return response?.statusCode ?? 0;
}

test("a key becomes a cookie that opens requests and sockets of our own pages with the key's scopes", async (t) => {
  const rig = await start(t);
  assert.equal(await codeOf(rig, { cookie: rig.cookie }), "ok");
  assert.equal(await upgrade(rig, { cookie: `other=1; ${rig.cookie}`, ...own(rig) }), 101);
  const reader = rig.addKey({ scopes: ["read"] });
  assert.equal(await codeOf(rig, { cookie: await logIn(rig, reader.text) }), "ACCESS_SCOPE_MISSING");
  assert.equal(await codeOf(rig), "ACCESS_KEY_MISSING");
});

test("the cookie is unreadable for scripts, is for our pages only, and says Secure where the page has TLS", async (t) => {
  const rig = await startRig(t, { logins: (store) => store.logins, publicUrl: "https://calls.example.com" });
  const { text } = rig.addKey();
  const cookieOf = async (headers: Record<string, string>): Promise<string> => {
    const outcome = await rig.access.logIn(post(rig, headers), text);
    return outcome.ok ? (outcome.cookies[0] as string) : outcome.code;
  };
  assert.match(
    await cookieOf({}),
    /^linescribe_login=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/,
  );
  const secure =
    /^__Host-linescribe_login=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure$/;
  const host = "calls.example.com";
  assert.match(await cookieOf({ host, origin: `https://${host}` }), secure);
  assert.match(await cookieOf({ host: "other.example", origin: "https://other.example" }), secure);
  assert.equal(await cookieOf({ host, origin: `http://${host}` }), "ACCESS_BAD_ORIGIN");
});

test("where there is TLS, a cookie that a page without it could have set does not count", async (t) => {
  const host = "calls.example.com";
  const rig = await start(t, { publicUrl: `https://${host}` });
  assert.equal(await codeOf(rig, { cookie: rig.cookie, host }), "ACCESS_KEY_MISSING");
  const cookie = await logIn(rig, rig.key.text, { host, origin: `https://${host}` });
  assert.equal(await codeOf(rig, { cookie, host }), "ok");
});

test("the token is not in the store, and two cookies of one name are none", async (t) => {
  const rig = await start(t);
  const token = rig.cookie.split("=")[1] as string;
  assert.equal(rig.store.logins.get(Buffer.from(token, "base64url")), null);
  assert.equal(await codeOf(rig, { cookie: `${rig.cookie}; ${rig.cookie}x` }), "ACCESS_LOGIN_EXPIRED");
  assert.equal(await codeOf(rig, { cookie: `linescribe_login=${"a".repeat(43)}` }), "ACCESS_LOGIN_EXPIRED");
});

test("a socket with a cookie is refused for every page that is not ours, also for one that access.origins names", async (t) => {
  const friend = "https://app.example.com";
  const rig = await start(t, { origins: [friend, "*"] });
  const attempts: Record<string, string>[] = [
    {},
    { origin: "null" },
    { origin: friend },
    { origin: "https://evil.example" },
    { origin: `http://127.0.0.1:${rig.port + 1}` },
    { origin: `http://localhost:${rig.port}` },
    { origin: `http://127.0.0.1.evil.example:${rig.port}` },
  ];
  for (const headers of attempts)
    assert.equal(await upgrade(rig, { cookie: rig.cookie, ...headers }), 403, JSON.stringify(headers));
  // With the key itself the page that is named may.
  assert.equal(await upgrade(rig, { ...bearer(rig.key.text), origin: friend }), 101);
});

test("a request with a cookie is answered for our own pages, and for whoever follows a link", async (t) => {
  const rig = await start(t);
  const answer = (headers: Record<string, string>): Promise<string> =>
    codeOf(rig, { cookie: rig.cookie, ...headers });
  assert.equal(await answer({ "sec-fetch-site": "same-origin" }), "ok");
  assert.equal(await answer({ "sec-fetch-site": "none" }), "ok");
  assert.equal(await answer({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }), "ok");
  assert.equal(
    await answer({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }),
    "ACCESS_BAD_ORIGIN",
  );
  assert.equal(
    await answer({ "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }),
    "ACCESS_BAD_ORIGIN",
  );
});

test("what changes something needs the word of the browser that a page of ours asks", async (t) => {
  const rig = await start(t);
  const admit = (headers: Record<string, string>): Promise<string> => {
    const request = post(rig, { cookie: rig.cookie, ...headers });
    for (const [name, value] of Object.entries(headers)) if (value === "") delete request.headers[name];
    return refused(rig.access.admit(request, { scope: "transcribe" }));
  };
  assert.equal(await admit({}), "ok");
  assert.equal(await admit({ origin: "", "sec-fetch-site": "same-origin" }), "ok");
  assert.equal(await admit({ origin: "" }), "ACCESS_BAD_ORIGIN");
  assert.equal(await admit({ origin: "", "sec-fetch-site": "none" }), "ACCESS_BAD_ORIGIN");
  assert.equal(
    await admit({ origin: "", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }),
    "ACCESS_BAD_ORIGIN",
  );
});

test("logging in and out is for our own pages, with a key that holds, and not too often", async (t) => {
  const rig = await start(t, { limits: { requestsPerMinutePerAddress: 12 } });
  const { text } = rig.key;
  const attempt = (key: string, headers: Record<string, string> = {}): Promise<string> =>
    refused(rig.access.logIn(post(rig, headers), key));
  assert.equal(await attempt(text, { origin: "https://evil.example" }), "ACCESS_BAD_ORIGIN");
  assert.equal(await attempt("nonsense"), "ACCESS_KEY_UNKNOWN");
  assert.equal(await attempt(`${text.slice(0, -1)}${text.endsWith("a") ? "b" : "a"}`), "ACCESS_KEY_UNKNOWN");
  const old = rig.addKey({ expiresAt: rig.clock.now - 1 });
  assert.equal(await attempt(old.text), "ACCESS_KEY_EXPIRED");
  const evil = post(rig, { cookie: rig.cookie, origin: "https://evil.example" });
  assert.equal(await refused(rig.access.logOut(evil)), "ACCESS_BAD_ORIGIN");
  assert.equal(await codeOf(rig, { cookie: rig.cookie }), "ok");
  const answers = [];
  for (let time = 0; time < 8; time++) answers.push(await attempt("nonsense"));
  assert.equal(answers.at(-1), "ACCESS_TOO_OFTEN");
});

test("a key logs in no more often than its own limit, wherever it is typed, and other keys as ever", async (t) => {
  const rig = await start(t, { limits: { requestsPerMinutePerKey: 3 } });
  const attempt = (key: string): Promise<string> => refused(rig.access.logIn(post(rig), key));
  const answers = [];
  for (let time = 0; time < 3; time++) answers.push(await attempt(rig.key.text));
  assert.deepEqual(answers, ["ok", "ok", "ACCESS_TOO_OFTEN"], "the first was that of the rig");
  assert.equal(await attempt(rig.addKey().text), "ok");
});

test("logging out ends the login and at once what it opened", async (t) => {
  const rig = await start(t);
  assert.equal(await upgrade(rig, { cookie: rig.cookie, ...own(rig) }), 101);
  const other = await logIn(rig, rig.key.text);
  assert.equal(await upgrade(rig, { cookie: other, ...own(rig) }), 101);
  const outcome = await rig.access.logOut(post(rig, { cookie: rig.cookie }));
  assert.ok(outcome.ok);
  assert.deepEqual(
    outcome.cookies.map((cookie) => cookie.replace(/; Path.*?Max-Age=/, " ")),
    [
      "__Host-linescribe_login= 0; HttpOnly; SameSite=Lax; Secure",
      "linescribe_login= 0; HttpOnly; SameSite=Lax",
    ],
  );
  const [first, second] = rig.admissions.map((admission) => (admission.ok ? admission.signal : undefined));
  assert.equal(first && (first.reason as { code: string }).code, "ACCESS_LOGIN_EXPIRED");
  assert.equal(second?.aborted, false);
  assert.equal(await codeOf(rig, { cookie: rig.cookie }), "ACCESS_LOGIN_EXPIRED");
  assert.equal(await codeOf(rig, { cookie: other }), "ok");
});

test("a login ends after its time, also when it is used, and sooner when it is not", async (t) => {
  const rig = await start(t);
  const idle = await logIn(rig, rig.key.text);
  for (let ms = 0; ms < LOGIN.maximumMs; ms += 10_000) {
    assert.equal(await codeOf(rig, { cookie: rig.cookie }), "ok", `${ms} ms`);
    rig.clock.now += 10_000;
    if (ms + 10_000 === LOGIN.idleMs)
      assert.equal(await codeOf(rig, { cookie: idle }), "ACCESS_LOGIN_EXPIRED");
  }
  assert.equal(await codeOf(rig, { cookie: rig.cookie }), "ACCESS_LOGIN_EXPIRED");
});

test("a socket ends with the time of its login, and keeps it from being idle until then", async (t) => {
  const rig = await start(t);
  assert.equal(await upgrade(rig, { cookie: rig.cookie, ...own(rig) }), 101);
  const [admission] = rig.admissions;
  assert.ok(admission?.ok);
  assert.equal(admission.maximumSessionMs, LOGIN.maximumMs);
  for (let ms = 10_000; ms < LOGIN.maximumMs; ms += 10_000) {
    rig.clock.now += 10_000;
    rig.access.sweep();
    assert.equal(admission.signal.aborted, false, `${ms} ms`);
  }
  rig.clock.now += 10_000;
  rig.access.sweep();
  assert.equal((admission.signal.reason as { code: string }).code, "ACCESS_LOGIN_EXPIRED");
});

test("a login ends with its key: revoked, expired, or with a secret that was rotated away", async (t) => {
  const rig = await start(t);
  assert.equal(await upgrade(rig, { cookie: rig.cookie, ...own(rig) }), 101);
  rig.store.keys.revoke(rig.key.id, rig.clock.now);
  assert.equal(await codeOf(rig, { cookie: rig.cookie }), "ACCESS_KEY_REVOKED");
  rig.access.sweep();
  const [admission] = rig.admissions;
  assert.equal(admission?.ok && (admission.signal.reason as { code: string }).code, "ACCESS_KEY_REVOKED");
  const short = rig.addKey({ expiresAt: rig.clock.now + 5000 });
  const [brief, rotated] = [await logIn(rig, short.text), rig.addKey()];
  const before = await logIn(rig, rotated.text);
  const secretHash = new Uint8Array(32).fill(7);
  rig.store.keys.rotate({
    id: rotated.id,
    secretHash,
    previousUntil: null,
    at: rig.clock.now,
    expiresAt: null,
  });
  assert.equal(await codeOf(rig, { cookie: before }), "ACCESS_KEY_UNKNOWN");
  rig.clock.now += 5000;
  assert.equal(await codeOf(rig, { cookie: brief }), "ACCESS_LOGIN_EXPIRED");
});

test("a key has a hundred logins at most, the oldest end, and those past their time are removed", async (t) => {
  const rig = await start(t);
  const cookies = [rig.cookie];
  for (let count = 0; count < 100; count++) {
    rig.clock.now += 1;
    cookies.push(await logIn(rig, rig.key.text));
  }
  assert.equal(await codeOf(rig, { cookie: cookies[0] as string }), "ACCESS_LOGIN_EXPIRED");
  assert.equal(await codeOf(rig, { cookie: cookies[1] as string }), "ok");
  rig.clock.now += LOGIN.maximumMs;
  await logIn(rig, rig.key.text);
  const token = (cookies[50] as string).split("=")[1] as string;
  assert.equal(rig.store.logins.remove(Buffer.from(token)), false);
});
