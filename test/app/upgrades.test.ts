import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type TestContext, test } from "node:test";
import { UpgradeRoutes } from "../../src/app/upgrades.ts";
import { refuseUpgrade } from "../../src/base/upgrade.ts";

async function serve(t: TestContext) {
  const server = createServer();
  const routes = new UpgradeRoutes(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { routes, port: (server.address() as AddressInfo).port };
}

/** What the server answers to an upgrade that it refuses. */
async function upgrade(port: number, path: string) {
  const asked = request({ port, path, headers: { connection: "Upgrade", upgrade: "websocket" } });
  asked.end();
  const [response] = await once(asked, "response");
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(text) };
}

test("an upgrade goes to the server of its path, whatever its query, and nowhere else", async (t) => {
  const { routes, port } = await serve(t);
  for (const path of ["/a", "/b"]) {
    routes.at(path).on("upgrade", (_request, socket) => {
      refuseUpgrade(socket, 503, { path }, { "Retry-After": "7" });
    });
  }
  for (const address of ["/a", "/a/", "/a?x=/b", "/a/?x"]) {
    assert.deepEqual((await upgrade(port, address)).body, { path: "/a" });
  }
  const second = await upgrade(port, "/b");
  assert.deepEqual([second.status, second.headers["retry-after"], second.body.path], [503, "7", "/b"]);
  for (const address of ["/", "/c", "/a/b", "//a", "/?a", "*"]) {
    const refused = await upgrade(port, address);
    assert.equal(refused.status, 404);
    assert.equal(refused.body.code, "REQUEST_MALFORMED");
  }
});

test("a path whose server has gone is refused like any other", async (t) => {
  const { routes, port } = await serve(t);
  const listener = () => assert.fail("told after it left");
  routes.at("/a").on("upgrade", listener);
  routes.at("/a").off("upgrade", listener);
  assert.equal((await upgrade(port, "/a")).status, 404);
});

/** What a raw connection is answered to its end: each part is sent once the one before it has its answer. */
async function answers(port: number, parts: readonly string[]): Promise<string[]> {
  const socket = connect(port, "127.0.0.1");
  const texts: string[] = [];
  for (const part of parts) {
    socket.write(part, "latin1");
    const [chunk] = await once(socket, "data");
    texts.push(String(chunk));
  }
  await once(socket, "close");
  return texts;
}

test("a request for another protocol than WebSocket is answered as usual, with its body and on a connection that goes on", async (t) => {
  const server = createServer(async (asked, response) => {
    let body = "";
    for await (const chunk of asked) body += chunk;
    response.end(
      `${asked.method} ${asked.url} ${body} ${asked.headers.upgrade} ${asked.headers["http2-settings"]} ${asked.headers["x-name"]};`,
    );
  });
  const routes = new UpgradeRoutes(server);
  routes.at("/a").on("upgrade", () => assert.fail("no WebSocket"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
  const get = `GET /healthz?x HTTP/1.1\r\nHost: a\r\nX-Name: \xe9\r\n${h2c}\r\n`;
  const post = `POST /a HTTP/1.1\r\nHost: a\r\n${h2c}Content-Length: 9\r\n\r\n`;
  const last = "GET /b HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n";
  const texts = await answers(port, [get, `${post}123456789`, last]);
  assert.ok(texts.every((text) => text.startsWith("HTTP/1.1 200 OK\r\n")));
  assert.deepEqual(
    texts.map((text) => text.split("\r\n\r\n")[1]),
    [
      "GET /healthz?x  undefined undefined \xe9;",
      "POST /a 123456789 undefined undefined undefined;",
      "GET /b  undefined undefined undefined;",
    ],
  );
});

test("a connection that asks for another protocol may end amid its request, or send what is no request", async (t) => {
  const { port } = await serve(t);
  const h2c = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n";
  const socket = connect(port, "127.0.0.1");
  socket.write(`${h2c}12`);
  await once(socket, "connect");
  socket.resetAndDestroy();
  const [text] = await answers(port, [`${h2c}12345NO REQUEST\r\n\r\n`]);
  assert.match(text as string, /HTTP\/1.1 400 Bad Request/);
});
