import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { admitLoopback } from "../../src/app/loopback.ts";

async function isLetIn(remoteAddress: string, headers: Record<string, string>): Promise<boolean> {
  const admission = await admitLoopback({ headers, socket: { remoteAddress } } as unknown as IncomingMessage);
  if (!admission.ok) assert.deepEqual([admission.status, admission.code], [403, "REQUEST_NOT_LOCAL"]);
  return admission.ok;
}

test("without keys only programs on this machine are let in", async () => {
  const host = "127.0.0.1:8080";
  assert.ok(await isLetIn("127.0.0.1", { host }));
  assert.ok(await isLetIn("::1", { host: "[::1]:8080" }));
  assert.ok(await isLetIn("::ffff:127.0.0.1", { host: "localhost" }));
  assert.ok(await isLetIn("127.0.0.1", { host, origin: `http://${host}` }));
  for (const [address, headers] of [
    ["10.0.0.1", { host }],
    ["", { host }],
    // A proxy on this machine hands over what comes from elsewhere.
    ["127.0.0.1", { host, "x-forwarded-for": "203.0.113.5" }],
    ["127.0.0.1", { host, forwarded: "for=203.0.113.5" }],
    // A page's own name may be pointed at us, and a page of another origin may post to us.
    ["127.0.0.1", { host: "evil.example:8080" }],
    ["127.0.0.1", { host: "127.0.0.1.evil.example" }],
    ["127.0.0.1", { host, origin: "https://evil.example" }],
    ["127.0.0.1", { host, origin: "null" }],
    ["127.0.0.1", {}],
  ] as [string, Record<string, string>][]) {
    assert.equal(await isLetIn(address, headers), false, JSON.stringify([address, headers]));
  }
});
