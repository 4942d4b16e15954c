import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createConnector } from "../../src/fetch/connector.ts";
import { listen, OUTSIDE } from "./rig.ts";

type Options = Parameters<typeof createConnector>[0];

/** The code of the error that a connection ended with, or the address that it went to. */
async function dial(
  t: TestContext,
  hostname: string,
  port: number,
  options: Partial<Options>,
): Promise<unknown> {
  const connect = createConnector({
    permits: () => true,
    resolve: async () => [OUTSIDE],
    timeoutMs: 500,
    ...options,
  });
  return new Promise((resolve) => {
    connect({ hostname, host: hostname, protocol: "http:", port: String(port) }, (error, socket) => {
      if (error === null) t.after(() => socket.destroy());
      resolve(error === null ? (socket as Socket).remoteAddress : (error as { code?: string }).code);
    });
  });
}

test("the address at the other end is checked again when the connection stands", async (t) => {
  const port = await listen(t, OUTSIDE, () => {});
  const asked: string[] = [];
  const permits = (address: string): boolean => asked.push(address) === 1;
  assert.equal(await dial(t, "media.example", port, { permits }), "FETCH_FORBIDDEN_ADDRESS");
  assert.equal(await dial(t, OUTSIDE, port, { permits }), "FETCH_FORBIDDEN_ADDRESS");
  assert.deepEqual(asked, [OUTSIDE, OUTSIDE, OUTSIDE]);
});

test("an address that does not answer gives way to another one of the name", async (t) => {
  const port = await listen(t, OUTSIDE, () => {});
  const resolve = async () => ["127.0.0.3", OUTSIDE];
  assert.equal(await dial(t, "media.example", port, { resolve }), OUTSIDE);
});

test("of a thousand addresses each is checked, the last one too", async (t) => {
  const port = await listen(t, OUTSIDE, () => {});
  const many = [...Array<string>(1000).fill(OUTSIDE), "10.0.0.1"];
  const permits = (address: string): boolean => address === OUTSIDE;
  const found = await dial(t, "media.example", port, { permits, resolve: async () => many });
  assert.equal(found, "FETCH_FORBIDDEN_ADDRESS");
});

test("a name server that fails is a name that leads nowhere", async (t) => {
  const resolve = async () => {
    throw new Error("SERVFAIL");
  };
  assert.equal(await dial(t, "media.example", 80, { resolve }), "FETCH_FAILED");
});
