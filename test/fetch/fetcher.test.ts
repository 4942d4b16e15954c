import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import { EnvHttpProxyAgent, getGlobalDispatcher, setGlobalDispatcher } from "undici";
import { Counters } from "../../src/base/counters.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { createFetcher } from "../../src/fetch/fetcher.ts";
import { faultOf, GET, INSIDE, listen, OUTSIDE, startRig } from "./rig.ts";

test("an answer comes with its status, headers, body and final URL, and its name is resolved once", async (t) => {
  const seen: unknown[] = [];
  const rig = await startRig(t, (request, response) => {
    const { method, url, headers } = request;
    seen.push([method, url, headers.host, headers["x-mine"], headers["accept-encoding"], headers.connection]);
    response.writeHead(206, { "content-type": "audio/wav" }).end("sound");
  });
  const answer = await rig.fetcher.fetch(`${rig.url}a%20b?c=d#e`, { ...GET, headers: { "X-Mine": "1" } });
  assert.deepEqual([answer.status, answer.url], [206, `${rig.url}a%20b?c=d`]);
  assert.equal(answer.headers["content-type"], "audio/wav");
  assert.equal(Buffer.from(answer.body).toString(), "sound");
  const host = `media.example:${rig.port}`;
  assert.deepEqual(seen, [["GET", "/a%20b?c=d", host, "1", "identity", "close"]]);
  assert.deepEqual(rig.resolved, ["media.example"]);
});

test("a body is posted as it is", async (t) => {
  const rig = await startRig(t, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.end(`${request.method} ${request.headers["content-type"]} ${Buffer.concat(chunks)}`);
  });
  const headers = { "content-type": "application/json" };
  const { body } = await rig.fetcher.fetch(rig.url, { ...GET, method: "POST", headers, body: '{"a":1}' });
  assert.equal(Buffer.from(body).toString(), 'POST application/json {"a":1}');
});

const TRICKS = [
  "http://127.0.0.1",
  "http://2130706433",
  "http://0x7f000001",
  "http://0177.0.0.1",
  "http://127.1",
  "http://127.0.0.1.",
  "http://①②⑦.0.0.1",
  "http://127。0。0。1",
  "http:127.0.0.1",
  "http://0",
  "http://0.0.0.0",
  "http://[::1]",
  "http://[::]",
  "http://[::ffff:127.0.0.1]",
  "http://[::ffff:7f00:1]",
  "http://[0:0:0:0:0:ffff:7f00:0001]",
  "http://[::127.0.0.1]",
  "http://[64:ff9b::7f00:1]",
  "http://[2002:7f00:1::]",
  "http://169.254.169.254",
  "http://[fd00:ec2::254]",
  "http://10.0.0.1",
  "http://100.64.0.1",
];
for (const trick of TRICKS) {
  test(`${trick} reaches nothing, and nothing is looked up for it`, async (t) => {
    const rig = await startRig(t, (_request, response) => response.end());
    assert.equal(await faultOf(rig.fetcher.fetch(`${trick}:${rig.port}/`, GET)), "FETCH_FORBIDDEN_ADDRESS");
    assert.deepEqual([rig.reached, rig.resolved], [[], []]);
    assert.equal(rig.counters.get("fetch.failed.FETCH_FORBIDDEN_ADDRESS"), 1);
  });
}

const ANSWERS: [string, string[], string][] = [
  ["this machine", [INSIDE], "FETCH_FORBIDDEN_ADDRESS"],
  ["this machine in a mapped form", ["::ffff:127.0.0.1"], "FETCH_FORBIDDEN_ADDRESS"],
  ["this machine by IPv6", ["::1"], "FETCH_FORBIDDEN_ADDRESS"],
  ["a good address and this machine", [OUTSIDE, INSIDE], "FETCH_FORBIDDEN_ADDRESS"],
  ["a good address and metadata", [OUTSIDE, "169.254.169.254"], "FETCH_FORBIDDEN_ADDRESS"],
  ["what is no address", ["127.1"], "FETCH_FORBIDDEN_ADDRESS"],
  ["nothing", [], "FETCH_FAILED"],
];
for (const [title, answer, expected] of ANSWERS) {
  test(`a name that resolves to ${title} is ${expected}, without a word of where it leads`, async (t) => {
    const rig = await startRig(t, (_request, response) => response.end(), { resolve: async () => answer });
    const error = await rig.fetcher.fetch(rig.url, GET).catch((thrown) => thrown as LinescribeError);
    assert.ok(error instanceof LinescribeError);
    assert.equal(error.code, expected);
    assert.doesNotMatch(error.message, /\d+\.\d+|::/);
    assert.deepEqual(rig.reached, []);
  });
}

test("DNS rebinding: an answer that changes after the check changes nothing", async (t) => {
  const answers = [[OUTSIDE], [INSIDE], [INSIDE]];
  const rig = await startRig(t, (_request, response) => response.end("outside"), {
    resolve: async () => answers.shift() ?? [INSIDE],
  });
  const { body } = await rig.fetcher.fetch(rig.url, GET);
  assert.equal(Buffer.from(body).toString(), "outside");
  assert.equal(rig.resolved.length, 1);
  assert.equal(await faultOf(rig.fetcher.fetch(rig.url, GET)), "FETCH_FORBIDDEN_ADDRESS");
  assert.deepEqual(rig.reached, []);
});

test("DNS rebinding: a redirect to the same name is resolved and checked anew", async (t) => {
  const answers = [[OUTSIDE], [INSIDE]];
  const rig = await startRig(
    t,
    (_request, response) => response.writeHead(302, { location: "/next" }).end(),
    {
      resolve: async () => answers.shift() ?? [INSIDE],
    },
  );
  assert.equal(await faultOf(rig.fetcher.fetch(rig.url, GET)), "FETCH_FORBIDDEN_ADDRESS");
  assert.deepEqual([rig.resolved.length, rig.reached], [2, []]);
});

const REDIRECTS: [string, string][] = [
  ["http://127.0.0.1:PORT/", "FETCH_FORBIDDEN_ADDRESS"],
  ["http://2130706433:PORT/", "FETCH_FORBIDDEN_ADDRESS"],
  ["http://[::ffff:127.0.0.1]:PORT/", "FETCH_FORBIDDEN_ADDRESS"],
  ["//127.0.0.1:PORT/", "FETCH_FORBIDDEN_ADDRESS"],
  ["http://169.254.169.254/latest/meta-data/", "FETCH_FORBIDDEN_ADDRESS"],
  ["http://localhost:PORT/", "FETCH_BAD_URL"],
  ["http://user:pass@127.0.0.2:PORT/", "FETCH_BAD_URL"],
  ["http://127.0.0.2:22/", "FETCH_BAD_URL"],
  ["file:///etc/passwd", "FETCH_BAD_URL"],
  ["gopher://127.0.0.1:PORT/", "FETCH_BAD_URL"],
  ["http://", "FETCH_BAD_URL"],
];
for (const [location, expected] of REDIRECTS) {
  test(`a redirect to ${location} is ${expected}`, async (t) => {
    const rig = await startRig(t, (request, response) => {
      const port = String(request.socket.localPort);
      response.writeHead(302, { location: location.replace("PORT", port) }).end();
    });
    assert.equal(await faultOf(rig.fetcher.fetch(rig.url, GET)), expected);
    assert.deepEqual(rig.reached, []);
  });
}

test("redirects are followed up to their number, and to where they lead", async (t) => {
  const rig = await startRig(t, (request, response) => {
    const left = Number(request.url?.slice(1));
    if (left === 0) response.end("there");
    else response.writeHead(left % 2 ? 301 : 307, { location: String(left - 1) }).end("moved");
  });
  const answer = await rig.fetcher.fetch(`${rig.url}3`, GET);
  assert.deepEqual([Buffer.from(answer.body).toString(), answer.url], ["there", `${rig.url}0`]);
  assert.equal(await faultOf(rig.fetcher.fetch(`${rig.url}4`, GET)), "FETCH_BAD_REDIRECT");
  assert.equal(
    await faultOf(rig.fetcher.fetch(`${rig.url}1`, { ...GET, maximumRedirects: 0 })),
    "FETCH_BAD_REDIRECT",
  );
});

test("to another origin a redirect takes nothing that tells who we are, and to its own all", async (t) => {
  const seen: Record<string, unknown>[] = [];
  const rig = await startRig(t, (request, response) => {
    const { authorization, cookie, "x-secret": secret, accept } = request.headers;
    seen.push({ host: request.headers.host, authorization, cookie, secret, accept });
    const host = `other.example:${request.socket.localPort}`;
    if (request.url === "/") response.writeHead(302, { location: "/same" }).end();
    else if (request.url === "/same") response.writeHead(302, { location: `http://${host}/end` }).end();
    else response.end();
  });
  const headers = { Authorization: "Bearer x", cookie: "c=1", "x-secret": "s", accept: "audio/*" };
  await rig.fetcher.fetch(rig.url, { ...GET, headers });
  const all = { authorization: "Bearer x", cookie: "c=1", secret: "s", accept: "audio/*" };
  const none = { authorization: undefined, cookie: undefined, secret: undefined, accept: "audio/*" };
  const own = `media.example:${rig.port}`;
  assert.deepEqual(seen, [
    { host: own, ...all },
    { host: own, ...all },
    { host: `other.example:${rig.port}`, ...none },
  ]);
});

test("what changes something is sent once: its redirect is the answer", async (t) => {
  for (const method of ["POST", "PUT"] as const) {
    const methods: unknown[] = [];
    const rig = await startRig(t, (request, response) => {
      methods.push(request.method);
      response.writeHead(307, { location: "/again" }).end();
    });
    const { status, headers } = await rig.fetcher.fetch(rig.url, { ...GET, method, body: "x" });
    assert.deepEqual([status, headers.location, methods], [307, "/again", [method]]);
  }
});

test("a body beyond its maximum is given up: announced, endless or to the byte", async (t) => {
  let sent = 0;
  const rig = await startRig(t, (request, response) => {
    if (request.url === "/announced") response.writeHead(200, { "content-length": 1001 }).flushHeaders();
    else if (request.url === "/endless") {
      const push = (): void => {
        sent += 65_536;
        if (!response.destroyed) response.write(Buffer.alloc(65_536), push);
      };
      push();
    } else response.end(Buffer.alloc(Number(request.url?.slice(1))));
  });
  const get = (path: string) => rig.fetcher.fetch(rig.url + path, { ...GET, maximumBytes: 1000 });
  assert.equal((await get("1000")).body.length, 1000);
  for (const path of ["1001", "announced", "endless"])
    assert.equal(await faultOf(get(path)), "FETCH_TOO_LARGE", path);
  assert.ok(sent < 20_000_000, `${sent} bytes`);
});

test("a compressed answer is decoded, and a bomb goes off in no more than the maximum", async (t) => {
  const zeros = Buffer.alloc(50_000_000);
  const bombs: Record<string, Buffer> = {
    gzip: gzipSync(zeros),
    deflate: deflateSync(zeros),
    br: brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  };
  const encode = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
  const rig = await startRig(t, (request, response) => {
    const [, kind = "", encoding = ""] = (request.url ?? "").split("/");
    response.setHeader("content-encoding", encoding.replace("+", ", "));
    if (kind === "bomb") response.end(bombs[encoding]);
    else if (kind === "cut") response.end(gzipSync("good".repeat(1000)).subarray(0, 30));
    else if (kind === "garbage") response.end("this is not compressed");
    else response.end(encode[encoding as keyof typeof encode]("good"));
  });
  const get = (path: string) => rig.fetcher.fetch(rig.url + path, { ...GET, maximumBytes: 1_000_000 });
  for (const encoding of ["gzip", "deflate", "br"]) {
    assert.equal(Buffer.from((await get(`good/${encoding}`)).body).toString(), "good");
    assert.ok((bombs[encoding] as Buffer).length < 1_000_000);
    const before = process.memoryUsage().arrayBuffers;
    assert.equal(await faultOf(get(`bomb/${encoding}`)), "FETCH_TOO_LARGE", encoding);
    assert.ok(process.memoryUsage().arrayBuffers - before < 10_000_000, encoding);
    assert.equal(await faultOf(get(`garbage/${encoding}`)), "FETCH_BAD_ANSWER", encoding);
  }
  assert.equal(await faultOf(get("cut/gzip")), "FETCH_BAD_ANSWER");
  for (const encoding of ["gzip+gzip", "zstd", "compress"])
    assert.equal(await faultOf(get(`garbage/${encoding}`)), "FETCH_BAD_ANSWER", encoding);
});

test("time is counted from the beginning to the last byte: silence, drips and slow redirects all end", async (t) => {
  const open: NodeJS.Timeout[] = [];
  t.after(() => open.forEach(clearInterval));
  const rig = await startRig(t, (request, response) => {
    if (request.url === "/drip") open.push(setInterval(() => response.write("x"), 20));
    if (request.url === "/late") setTimeout(() => response.writeHead(302, { location: "/late" }).end(), 150);
  });
  for (const path of ["silent", "drip", "late"]) {
    const startedAt = performance.now();
    const request = { ...GET, timeoutMs: 300, maximumRedirects: 100 };
    assert.equal(await faultOf(rig.fetcher.fetch(rig.url + path, request)), "FETCH_TIMEOUT", path);
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs > 290, `${path} took ${tookMs} ms`);
  }
});

test("a name that is never resolved ends in time too", async (t) => {
  const rig = await startRig(t, () => {}, { resolve: () => new Promise(() => {}) });
  assert.equal(await faultOf(rig.fetcher.fetch(rig.url, { ...GET, timeoutMs: 100 })), "FETCH_TIMEOUT");
});

test("no more than the maximum are open at once, and each end makes room, however it came", async (t) => {
  const rig = await startRig(
    t,
    (request, response) => {
      if (request.url === "/held") response.write("x");
      else response.end("done");
    },
    { maximumOpen: 2 },
  );
  const request = { ...GET, timeoutMs: 60_000 };
  const first = await rig.fetcher.open(`${rig.url}held`, request);
  const controller = new AbortController();
  const second = rig.fetcher.fetch(`${rig.url}held`, { ...request, signal: controller.signal });
  assert.equal(await faultOf(rig.fetcher.fetch(rig.url, GET)), "FETCH_OVERLOADED");
  first.close();
  assert.equal((await rig.fetcher.fetch(rig.url, GET)).status, 200);
  controller.abort(new Error("mine"));
  await assert.rejects(second, /mine/);
  const [third, fourth] = [await rig.fetcher.open(rig.url, GET), await rig.fetcher.open(rig.url, GET)];
  for await (const _ of third.body) break;
  for await (const _ of fourth.body);
  for (const url of [rig.url, "http://localhost/", `http://127.0.0.1:${rig.port}/`, rig.url])
    await faultOf(rig.fetcher.fetch(url, GET));
  assert.equal((await rig.fetcher.fetch(rig.url, GET)).status, 200);
});

test("a request that is closed several times makes room once", async (t) => {
  const rig = await startRig(t, (_request, response) => response.write("x"), { maximumOpen: 1 });
  const first = await rig.fetcher.open(rig.url, GET);
  for (let n = 0; n < 3; n += 1) first.close();
  const second = await rig.fetcher.open(rig.url, GET);
  assert.equal(await faultOf(rig.fetcher.open(rig.url, GET)), "FETCH_OVERLOADED");
  second.close();
});

test("a request whose caller has given up before is not sent", async (t) => {
  let requests = 0;
  const rig = await startRig(t, (_request, response) => {
    requests += 1;
    response.end();
  });
  const signal = AbortSignal.abort(new Error("mine"));
  await assert.rejects(rig.fetcher.fetch(rig.url, { ...GET, signal }), /mine/);
  assert.equal(requests, 0);
});

test("an answer that nobody reads is let go of when its time is over", async (t) => {
  const rig = await startRig(t, (_request, response) => response.write("x"), { maximumOpen: 1 });
  await rig.fetcher.open(rig.url, { ...GET, timeoutMs: 50 });
  assert.equal(await faultOf(rig.fetcher.open(rig.url, GET)), "FETCH_OVERLOADED");
  for (let tries = 0; tries < 100; tries += 1) {
    await sleep(20);
    const again = await rig.fetcher.open(rig.url, GET).catch(() => null);
    if (again === null) continue;
    again.close();
    return;
  }
  assert.fail("the place stayed taken");
});

/** Answers every connection with these bytes and ends it. */
async function rawServer(t: TestContext, bytes: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, OUTSIDE, resolve));
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

const BROKEN: [string, string, string][] = [
  ["closes at once", "", "FETCH_FAILED"],
  ["speaks no HTTP", "220 mail.example ESMTP\r\n", "FETCH_FAILED"],
  ["promises more than it sends", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "FETCH_FAILED"],
  ["sends headers without end", `HTTP/1.1 200 OK\r\n${"X-Filler: yes\r\n".repeat(5000)}\r\n`, "FETCH_FAILED"],
];
for (const [title, bytes, expected] of BROKEN) {
  test(`a server that ${title} is ${expected}`, async (t) => {
    const port = await rawServer(t, bytes);
    const resolve = async () => [OUTSIDE];
    const fetcher = createFetcher({ allow: [OUTSIDE], ports: [port], counters: new Counters(), resolve });
    assert.equal(await faultOf(fetcher.fetch(`http://media.example:${port}/`, GET)), expected);
  });
}

test("a port that nobody listens on is FETCH_FAILED", async (t) => {
  const rig = await startRig(t, () => {});
  const free = await listen(t, INSIDE, () => {});
  const fetcher = createFetcher({ allow: [OUTSIDE], ports: [free], counters: rig.counters });
  assert.equal(await faultOf(fetcher.fetch(`http://${OUTSIDE}:${free}/`, GET)), "FETCH_FAILED");
});

test("a proxy of the environment is not asked", async (t) => {
  const asked: unknown[] = [];
  const proxy = await listen(t, INSIDE, (request, response) => {
    asked.push(request.url);
    response.end("proxied");
  });
  const names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"];
  const before = getGlobalDispatcher();
  for (const name of names) process.env[name] = `http://${INSIDE}:${proxy}`;
  setGlobalDispatcher(new EnvHttpProxyAgent());
  t.after(() => {
    for (const name of names) delete process.env[name];
    setGlobalDispatcher(before);
  });
  const rig = await startRig(t, (_request, response) => response.end("direct"));
  const { body } = await rig.fetcher.fetch(rig.url, GET);
  assert.equal(Buffer.from(body).toString(), "direct");
  assert.equal(await faultOf(rig.fetcher.fetch("http://169.254.169.254/", GET)), "FETCH_FORBIDDEN_ADDRESS");
  assert.deepEqual(asked, []);
});

test("a header that would be two is not sent", async (t) => {
  const rig = await startRig(t, (_request, response) => response.end());
  const headers = { "x-mine": "1\r\nx-other: 2" };
  assert.equal(await faultOf(rig.fetcher.fetch(rig.url, { ...GET, headers })), "FETCH_FAILED");
});
