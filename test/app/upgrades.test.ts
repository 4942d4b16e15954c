import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
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
