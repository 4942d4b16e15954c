import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
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
  const paths = ["/listen", "/api", "/login", "/assets/listen.js", "/assets/style.css", "/assets/icon.svg"];
  for (const path of paths) {
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
      "trusted-types 'none'",
    ])
      assert.ok(policy.split("; ").includes(rule), `${path}: ${rule}`);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["x-frame-options"], "DENY");
    assert.equal(headers["cross-origin-resource-policy"], "same-origin");
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

test("who is not logged in comes back to what he asked for, with what he looked for", async (t) => {
  const { get, post, addKey } = await start(t);
  const { key } = addKey(["read"]);
  const wanted = [
    "/calls/CA1/captions?size=20&colour=ffcc00",
    `/?${new URLSearchParams({ q: '"neue Straße" & 電話', from: "2026-11-01", status: "faulty" })}`,
    `/?${new URLSearchParams({ q: "電".repeat(200) })}`,
  ];
  for (const address of wanted) {
    const { status, headers } = await get(address);
    assert.equal(status, 303);
    const login = new URL(String(headers.location), "http://localhost");
    assert.deepEqual([login.pathname, login.searchParams.get("next")], ["/login", address]);
    const form = (await get(String(headers.location))).body;
    const next = /name="next" value="([^"]*)"/.exec(form)?.[1] ?? "";
    const typed = next.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
    assert.equal(typed, address);
    const back = await post("/login", { key, next: typed });
    assert.deepEqual([back.status, back.headers.location], [303, address]);
  }
  const endless = await get(`/?q=${"x".repeat(5000)}`);
  assert.equal(endless.headers.location, "/login?next=%2F");
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
  const own = [
    "/listen",
    "/",
    "/calls/CA1/captions?size=20",
    "/?q=a+b%20c",
    "/api#getCall",
    "/calls/CA1#line-3",
  ];
  for (const path of own) assert.equal(pathAfterLogin(path), path);
  const elsewhere = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/%2f/evil",
    "?//evil.example",
    "/\t/evil.example",
    "/a?b\r\nset-cookie: a=b",
    "/a?b\\c",
    "/a?<script>",
    `/?q=${"x".repeat(2000)}`,
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

test("whatever it is told, a login leads nowhere but here", () => {
  const piece = fc.constantFrom(
    "/",
    "\\",
    "..",
    ".",
    "@",
    ":",
    "?",
    "#",
    "%2f",
    "%5c",
    "evil.example",
    "\n",
    "\t",
    "a",
    "http:",
  );
  const address = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("")),
  );
  fc.assert(
    fc.property(address, fc.boolean(), (text, rooted) => {
      const next = pathAfterLogin(rooted ? `/${text}` : text);
      assert.match(next, /^\/(?![/\\])[\x21-\x7e]*$/);
      for (const base of ["http://localhost:8080", "https://calls.example.com/login"])
        assert.equal(new URL(next, base).origin, new URL(base).origin);
    }),
    { numRuns: 2000 },
  );
});

test("the page of the API is no secret, and says where one can log in and out", async (t) => {
  const { get, addKey, logIn } = await start(t);
  const { key } = addKey(["transcribe"]);
  const stranger = await get("/api", { headers: { host: "192.168.1.5:8080" } });
  assert.equal(stranger.status, 200);
  assert.match(stranger.body, /<a href="\/api" aria-current="page">API<\/a>/);
  assert.doesNotMatch(stranger.body, /Log out/);
  assert.match(String(stranger.headers["content-security-policy"]), /require-trusted-types-for 'script'/);
  assert.match((await get("/api", { headers: { cookie: await logIn(key) } })).body, /Log out/);
  assert.match(
    (await get("/listen", { headers: { cookie: await logIn(key) } })).body,
    /<a href="\/api">API<\/a>/,
  );
});

test("an address that is none is a page for browsers and problem details for programs, and repeats nothing", async (t) => {
  const { get } = await start(t);
  const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  for (const [path, method] of [
    ["/nowhere/%3Cb%3Eowned", "GET"],
    ["/assets/nowhere.js?owned", "GET"],
    ["/v1/owned", "GET"],
    ["/owned", "POST"],
  ] as const) {
    const page = await get(path, { method, headers: { accept: browser } });
    assert.equal(page.status, 404);
    assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
    assert.match(String(page.headers["content-security-policy"]), /default-src 'none'/);
    assert.match(page.body, /There is nothing at this address.*REQUEST_MALFORMED/s);
    assert.match(page.body, /href="\/listen"/);
    for (const accept of [
      "*/*",
      "application/json",
      "image/*",
      "application/problem+json, text/html;q=0.5",
    ]) {
      const { status, headers, body } = await get(path, { method, headers: { accept } });
      assert.deepEqual([status, headers["content-type"]], [404, "application/problem+json; charset=utf-8"]);
      const { type, code, detail, instance } = JSON.parse(body);
      assert.deepEqual([type, code], ["/v1/problems/REQUEST_MALFORMED", "REQUEST_MALFORMED"]);
      assert.equal(detail, "There is nothing at this address");
      assert.match(instance, /^urn:uuid:/);
      assert.doesNotMatch(body, /owned/);
    }
    assert.doesNotMatch(page.body, /owned/);
  }
  assert.equal((await get("/nowhere", { method: "HEAD", headers: { accept: browser } })).body, "");
});

test("the nginx that ships passes every page on, and nothing else", () => {
  const conf = readFileSync(path.resolve(import.meta.dirname, "../../deploy/nginx/linescribe.conf"), "utf8");
  const passed = new RegExp(/location ~ (\^\/\S+\$) /.exec(conf)?.[1] ?? "");
  const pages = [
    "/",
    "/calls/CA1",
    "/calls/ses_x-1/captions",
    "/listen",
    "/api",
    "/login",
    "/login/state",
    "/logout",
  ];
  for (const page of [...pages, "/assets/api.js"]) assert.match(page, passed);
  for (const other of ["/healthz", "/readyz", "/calls/a/b", "/calls//captions", "/assets/a/b"])
    assert.doesNotMatch(other, passed);
});

test("what is put into a page is text, whatever is in it", () => {
  const html = refusalPage({ code: "ACCESS_BAD_ORIGIN", message: `<img src=x onerror="a('b')">&` }, false);
  assert.ok(html.includes("&#60;img src=x onerror=&#34;a(&#39;b&#39;)&#34;&#62;&#38;."));
  assert.doesNotMatch(html, /<img src=x/);
});
