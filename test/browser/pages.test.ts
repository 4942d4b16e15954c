import assert from "node:assert/strict";
import { request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { createAccess } from "../../src/access/access.ts";
import { createKeyText, type Scope } from "../../src/access/key.ts";
import { createHttp } from "../../src/app/http.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { pathAfterLogin } from "../../src/pages/login-routes.ts";
import { createPages } from "../../src/pages/pages.ts";
import { refusalPage } from "../../src/pages/refusal-page.ts";
import { LIMITS } from "../access/rig.ts";
import { temporaryStore } from "../store/sample.ts";

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

type Ask = { method?: string; headers?: Record<string, string>; form?: Record<string, string> };

async function start(t: TestContext, limits: Partial<typeof LIMITS> = {}) {
  const store = temporaryStore(t);
  const access = createAccess({
    keys: store.keys,
    logins: store.logins,
    trustedProxies: 0,
    origins: [],
    publicUrl: null,
    maximumSessionMs: 3_600_000,
    limits: { ...LIMITS, ...limits },
    log: silentLogger,
    counters: new Counters(),
  });
  const server = createHttp([createPages({ access })]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    access.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const get = async (path: string, { method = "GET", headers = {}, form }: Ask = {}): Promise<Answer> => {
    const body = form && new URLSearchParams(form).toString();
    const type = form && { "content-type": "application/x-www-form-urlencoded" };
    const sent = ask({
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: { ...type, ...headers },
      agent: false,
    });
    sent.end(body);
    return await new Promise((resolve, reject) => {
      sent.on("error", reject);
      sent.on("response", async (response) => {
        const encoded = response.headers["content-encoding"] === "gzip";
        const chunks = encoded ? await response.toArray() : [];
        const answer = encoded ? gunzipSync(Buffer.concat(chunks)).toString() : await text(response);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: answer });
      });
    });
  };
  const addKey = (scopes: Scope[] = ["transcribe"]) => {
    const { id, hash, text: key } = createKeyText();
    store.keys.add({ id, name: "test", scopes, secretHash: hash, createdAt: Date.now(), expiresAt: null });
    return { id, key };
  };
  const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    get(path, { method: "POST", headers: { origin, ...headers }, form });
  const logIn = async (key: string): Promise<string> => {
    const { headers } = await post("/login", { key });
    return String(headers["set-cookie"]).split(";")[0] as string;
  };
  return { store, origin, get, post, addKey, logIn };
}

test("every page and file has a policy that lets nothing in and says what it is", async (t) => {
  const { get } = await start(t);
  for (const path of ["/listen", "/login", "/assets/listen.js", "/assets/style.css", "/assets/icon.svg"]) {
    const { status, headers } = await get(path);
    assert.equal(status, path === "/login" ? 303 : 200, path);
    const policy = String(headers["content-security-policy"]);
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'self'",
      "require-trusted-types-for 'script'",
    ])
      assert.ok(policy.split("; ").includes(rule), `${path}: ${rule}`);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "same-origin");
    assert.match(String(headers["permissions-policy"]), /microphone=\(self\)/);
  }
});

test("files have the type, charset and etag that browsers need, and are not sent again for nothing", async (t) => {
  const { get } = await start(t);
  const script = await get("/assets/listen.js");
  assert.equal(script.headers["content-type"], "text/javascript; charset=utf-8");
  assert.equal(script.headers["cache-control"], "no-cache");
  const etag = String(script.headers.etag);
  const again = await get("/assets/listen.js", { headers: { "if-none-match": `"other", W/${etag}` } });
  assert.deepEqual([again.status, again.body], [304, ""]);
  const small = await get("/assets/listen.js", { headers: { "accept-encoding": "br, gzip" } });
  assert.equal(small.headers["content-encoding"], "gzip");
  assert.equal(small.body, script.body);
  assert.notEqual(small.headers.etag, etag);
  const plain = await get("/assets/listen.js", { headers: { "accept-encoding": "gzip;q=0" } });
  assert.equal(plain.headers["content-encoding"], undefined);
  assert.equal((await get("/assets/style.css", { method: "HEAD" })).body, "");
});

test("nothing but the files of the pages can be had, whatever the name", async (t) => {
  const { get } = await start(t);
  const names = [
    "tsconfig.json",
    "listen.html",
    "worklet.d.ts",
    "..%2f..%2fpackage.json",
    "../pages/pages.ts",
    "%00",
    "constructor",
  ];
  for (const name of names) assert.ok([400, 404].includes((await get(`/assets/${name}`)).status), name);
});

test("without a key, pages are for this machine: it needs no login, and others are told what to do", async (t) => {
  const { get } = await start(t);
  const page = await get("/listen");
  assert.equal(page.status, 200);
  assert.match(page.body, /<title>Listen · Linescribe<\/title>/);
  assert.match(page.body, /aria-current="page"/);
  assert.doesNotMatch(page.body, /Log out/);
  assert.equal(page.headers["cache-control"], "no-store");
  assert.match((await get("/")).body, /<title>Calls · Linescribe<\/title>/);
  const stranger = await get("/listen", { headers: { host: "192.168.1.5:8080" } });
  assert.equal(stranger.status, 403);
  assert.match(stranger.body, /ACCESS_LOOPBACK_ONLY/);
  assert.match(stranger.body, /linescribe keys create/);
});

test("with a key, a page asks for it, keeps a cookie, and forgets it", async (t) => {
  const { get, post, addKey } = await start(t);
  const { key } = addKey();
  const asked = await get("/listen");
  assert.deepEqual([asked.status, asked.headers.location], [303, "/login?next=%2Flisten"]);
  const form = await get("/login?next=%2Flisten");
  assert.equal(form.status, 200);
  assert.match(form.body, /name="next" value="&#47;listen"|name="next" value="\/listen"/);
  const wrong = await post("/login", { key: "ls_abcdefgh_wrong", next: "/listen" });
  assert.equal(wrong.status, 401);
  assert.match(wrong.body, /This is not a key of this server\..*ACCESS_KEY_UNKNOWN/);
  assert.equal(wrong.headers["set-cookie"], undefined);
  const right = await post("/login", { key: ` ${key}\n`, next: "/listen" });
  assert.deepEqual([right.status, right.headers.location], [303, "/listen"]);
  const cookie = String(right.headers["set-cookie"]).split(";")[0] as string;
  const page = await get("/listen", { headers: { cookie } });
  assert.equal(page.status, 200);
  assert.match(page.body, /Log out/);
  const out = await post("/logout", {}, { cookie });
  assert.deepEqual([out.status, out.headers.location], [303, "/login"]);
  const ended = await get("/listen", { headers: { cookie } });
  assert.equal(ended.headers.location, "/login?next=%2Flisten&ended=");
  assert.match(
    (await get(String(ended.headers.location))).body,
    /Your login has ended.*ACCESS_LOGIN_EXPIRED/,
  );
});

test("logging in and out from a page elsewhere changes nothing", async (t) => {
  const { get, post, addKey, logIn } = await start(t);
  const { key } = addKey();
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1"]) {
    const answer = await post("/login", { key }, { origin });
    assert.equal(answer.status, 403, origin);
    assert.equal(answer.headers["set-cookie"], undefined);
    assert.match(answer.body, /ACCESS_BAD_ORIGIN/);
  }
  const cookie = await logIn(key);
  assert.equal((await post("/logout", {}, { cookie, origin: "https://evil.example" })).status, 403);
  assert.equal((await get("/listen", { headers: { cookie } })).status, 200);
});

test("a key that may not transcribe sees why, and can log out", async (t) => {
  const { get, addKey, logIn } = await start(t);
  const cookie = await logIn(addKey(["read"]).key);
  const page = await get("/listen", { headers: { cookie } });
  assert.equal(page.status, 403);
  assert.match(page.body, /ACCESS_SCOPE_MISSING/);
  assert.match(page.body, /Log out/);
});

test("a key that may only transcribe is led from the calls, which it does not open, to where it can", async (t) => {
  const { get, addKey, logIn } = await start(t);
  const cookie = await logIn(addKey(["transcribe"]).key);
  const home = await get("/", { headers: { cookie } });
  assert.deepEqual([home.status, home.headers.location], [303, "/listen"]);
  const call = await get("/calls/CA1", { headers: { cookie } });
  assert.equal(call.status, 403);
  assert.match(call.body, /ACCESS_SCOPE_MISSING/);
  const reader = await logIn(addKey(["read"]).key);
  for (const path of ["/", "/calls/CA1", "/calls/CA1/captions"])
    assert.equal((await get(path, { headers: { cookie: reader } })).status, 200, path);
});

test("who is not logged in comes back to the call that he asked for", async (t) => {
  const { get, addKey } = await start(t);
  addKey();
  const { status, headers } = await get("/calls/CA1/captions?size=20");
  assert.deepEqual([status, headers.location], [303, "/login?next=%2Fcalls%2FCA1%2Fcaptions"]);
});

test("addresses of calls that cannot be are no pages", async (t) => {
  const { get } = await start(t);
  const none = [
    "/calls/",
    "/calls/a.b",
    "/calls/%3Cb%3E",
    `/calls/${"x".repeat(65)}`,
    "/calls/CA1/captions/x",
  ];
  for (const path of none) assert.equal((await get(path)).status, 404, path);
});

test("captions look as their address says, or it says what is wrong", async (t) => {
  const { get } = await start(t);
  const usual = (await get("/calls/CA1/captions")).body;
  assert.match(usual, /data-size="48" data-lines="2" data-colour="white" data-background="transparent"/);
  assert.doesNotMatch(usual, /<nav|<header/);
  const own = await get("/calls/CA1/captions?size=72&lines=3&colour=FC0&background=00ff0080&track=inbound");
  assert.match(
    own.body,
    /data-size="72" data-lines="3" data-colour="#fc0" data-background="#00ff0080" data-track="inbound"/,
  );
  const wrong = [
    ...[
      "size=11",
      "size=201",
      "size=1e2",
      "size=20&size=30",
      "lines=0",
      "lines=9",
      "track=both",
      "colour=red%3B",
    ],
    ...["colour=url(x)", "background=%23fff", "background=12345", "font=Comic", "colour=", "size[]=20"],
  ];
  for (const query of wrong) {
    const { status, body } = await get(`/calls/CA1/captions?${query}`);
    assert.equal(status, 400, query);
    assert.match(body, /REQUEST_UNSUPPORTED_OPTION/, query);
  }
});

test("a form that is no form, or too large, is refused with the login page", async (t) => {
  const { get, post, addKey, origin } = await start(t);
  addKey();
  const large = await post("/login", { key: "x".repeat(10_000) });
  assert.equal(large.status, 400);
  assert.match(large.body, /REQUEST_MALFORMED/);
  assert.equal((await get("/login", { method: "POST", headers: { origin } })).status, 401);
});

test("a page can ask why its socket was refused", async (t) => {
  const { get, store, addKey, logIn } = await start(t);
  assert.deepEqual(JSON.parse((await get("/login/state")).body), { code: null });
  const { id, key } = addKey();
  const cookie = await logIn(key);
  store.keys.revoke(id, Date.now());
  const answer = await get("/login/state", { headers: { cookie } });
  assert.deepEqual([answer.status, JSON.parse(answer.body).code], [401, "ACCESS_KEY_REVOKED"]);
});

test("tries of keys are limited by the minute", async (t) => {
  const { post, addKey } = await start(t, { requestsPerMinutePerAddress: 5 });
  addKey();
  const answers = [];
  for (let time = 0; time < 7; time++) answers.push(await post("/login", { key: "wrong" }));
  const last = answers.at(-1);
  assert.equal(last?.status, 429);
  assert.ok(Number(last?.headers["retry-after"]) >= 1);
  assert.match(last?.body ?? "", /ACCESS_TOO_OFTEN/);
});

test("a login leads to paths of this server only, and what is in them is text", async (t) => {
  for (const path of ["/listen", "/", "/calls/CA1/captions"]) assert.equal(pathAfterLogin(path), path);
  const elsewhere = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/%2f/evil",
    "/a?b",
    ["/a"],
    "",
    "/ x",
  ];
  for (const path of elsewhere) assert.equal(pathAfterLogin(path), "/", String(path));
  const { get, addKey } = await start(t);
  addKey();
  const page = await get(`/login?next=${encodeURIComponent('"><script>alert(1)</script>')}`);
  assert.doesNotMatch(page.body, /<script>/);
});

test("what is put into a page is text, whatever is in it", () => {
  const html = refusalPage({ code: "ACCESS_BAD_ORIGIN", message: `<img src=x onerror="a('b')">&` }, false);
  assert.ok(html.includes("&#60;img src=x onerror=&#34;a(&#39;b&#39;)&#34;&#62;&#38;."));
  assert.doesNotMatch(html, /<img src=x/);
});
