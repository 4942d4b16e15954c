import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type AttemptLimits, createAgent, postWebhook } from "../../src/delivery/attempt.ts";
import { hang, type Receiver, reset, startReceiver, status } from "./receiver.ts";

const HEADERS = { "webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x" };
const LIMITS: AttemptLimits = { connectMs: 3000, totalMs: 15_000 };

/** A poster with an agent of its own, which is closed after the test. */
function poster(context: TestContext, limits: Partial<AttemptLimits> = {}) {
  const all = { ...LIMITS, ...limits };
  const agent = createAgent(4, all);
  context.after(() => agent.destroy());
  return (target: Receiver | string, controller = new AbortController()) => {
    const url = typeof target === "string" ? target : target.url;
    return postWebhook({ url, headers: HEADERS, body: '{"data":{"text":"é"}}' }, agent, all, controller);
  };
}

/** A TCP server on a free port that treats each socket as `treat` says. */
async function startTcp(context: TestContext, treat: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    treat(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("it posts the body as it is with its signature headers, and reads the status", async (t) => {
  const receiver = await startReceiver(t, status(201, {}, "ok"));
  assert.deepEqual(await poster(t)(receiver), {
    kind: "answered",
    status: 201,
    retryAfter: null,
    response: "ok",
  });
  const [request] = receiver.received;
  assert.equal(request?.method, "POST");
  assert.equal(request?.path, "/hook?token=secret-in-url");
  assert.equal(request?.body, '{"data":{"text":"é"}}');
  assert.equal(request?.headers["content-type"], "application/json");
  assert.equal(request?.headers["webhook-id"], "msg_1");
  assert.equal(request?.headers.authorization, undefined);
});

test("credentials in the URL go into the authorization header", async (t) => {
  const receiver = await startReceiver(t);
  await poster(t)(receiver.url.replace("http://", "http://us%40er:p%3Aw@"));
  assert.equal(receiver.received[0]?.headers.authorization, `Basic ${btoa("us@er:p:w")}`);
});

test("a redirect is an answer and is never followed, neither to a metadata address nor to a neighbour", async (t) => {
  const neighbour = await startReceiver(t);
  const receiver = await startReceiver(t);
  const post = poster(t);
  for (const location of ["http://169.254.169.254/latest/meta-data/", neighbour.url, "/elsewhere"]) {
    for (const code of [301, 302, 303, 307, 308]) {
      receiver.answer = status(code, { location });
      const result = await post(receiver);
      assert.equal(result.kind === "answered" && result.status, code);
    }
  }
  assert.equal(neighbour.received.length, 0);
  assert.equal(receiver.received.length, 15);
});

test("a receiver that refuses, resets, hangs up or talks nonsense is a failure with a name", async (t) => {
  const closed = await startTcp(t, () => {});
  const gone = net.createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const refusing = `http://127.0.0.1:${(gone.address() as AddressInfo).port}/`;
  gone.close();
  await once(gone, "close");
  const resetting = await startReceiver(t, reset);
  const hangingUp = await startTcp(t, (socket) => socket.end());
  const talking = await startTcp(t, (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
  const post = poster(t);
  const errorOf = async (target: Receiver | string) => {
    const result = await post(target);
    return result.kind === "failed" ? result.error : result.kind;
  };
  assert.equal(await errorOf(refusing), "ECONNREFUSED");
  assert.equal(await errorOf(resetting), "ECONNRESET");
  assert.match(await errorOf(hangingUp), /^UND_ERR_SOCKET|ECONNRESET$/);
  assert.match(await errorOf(talking), /^HTTPParserError$|^HPE_/);
  assert.match(
    await errorOf(closed.replace("http:", "https:").replace("127.0.0.1", "no-such-host.invalid")),
    /^E/,
  );
  assert.equal(await errorOf("not a url"), "ERR_INVALID_URL");
  assert.match(await errorOf("ftp://127.0.0.1/"), /^(UND_)?ERR/);
});

test("a receiver that never answers, or drips its headers, is given up at the total limit", async (t) => {
  const hanging = await startReceiver(t, hang);
  const dripping = await startTcp(t, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    const timer = setInterval(() => socket.write("x-drip: 1\r\n"), 10);
    socket.on("close", () => clearInterval(timer));
  });
  const post = poster(t, { totalMs: 150 });
  assert.deepEqual(await post(hanging), { kind: "failed", error: "no answer in 150 ms" });
  assert.deepEqual(await post(dripping), { kind: "failed", error: "no answer in 150 ms" });
});

test("a status counts although its body drips for ever or is cut off", { timeout: 10_000 }, async (t) => {
  const dripping = await startReceiver(t, (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write("."), 10);
    response.on("close", () => clearInterval(timer));
  });
  const cut = await startReceiver(t, (_, response) => {
    response
      .writeHead(500, { "content-length": "100" })
      .write("half", () => response.socket?.resetAndDestroy());
  });
  const post = poster(t);
  const [slow, short] = await Promise.all([post(dripping), post(cut)]);
  assert.equal(slow.kind === "answered" && slow.status, 200);
  assert.equal(short.kind === "answered" && short.status, 500);
});

test("of a huge answer 1 kB is read, and the connection is thrown away instead of drained", async (t) => {
  let sent = 0;
  const receiver = await startReceiver(t, (_, response) => {
    const chunk = "x".repeat(65_536);
    const more = () => {
      for (let more = true; more && !response.destroyed; sent += chunk.length) more = response.write(chunk);
    };
    response.writeHead(500).on("drain", more);
    more();
  });
  const result = await poster(t)(receiver);
  assert.equal(result.kind === "answered" && result.response, "x".repeat(1024));
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were sent`);
});

test("small answers leave the connection open for the next webhook", async (t) => {
  const receiver = await startReceiver(t, status(200, {}, "ok"));
  const ports = new Set<number | undefined>();
  receiver.answer = (_, response) => {
    ports.add(response.socket?.remotePort);
    response.end("ok");
  };
  const post = poster(t);
  for (let count = 0; count < 5; count += 1) await post(receiver);
  // The pool may open a second one before it knows that the first is free.
  assert.ok(ports.size <= 2, `${ports.size} connections`);
});

test("an attempt that the caller gives up is neither answered nor failed", async (t) => {
  const receiver = await startReceiver(t, hang);
  const controller = new AbortController();
  const result = poster(t)(receiver, controller);
  await receiver.have(1);
  controller.abort();
  assert.deepEqual(await result, { kind: "aborted" });
});

test("Retry-After is handed on as it came", async (t) => {
  const receiver = await startReceiver(t, status(429, { "retry-after": "17" }));
  const result = await poster(t)(receiver);
  assert.equal(result.kind === "answered" && result.retryAfter, "17");
});
