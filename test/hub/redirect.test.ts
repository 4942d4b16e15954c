import assert from "node:assert/strict";
import dns from "node:dns/promises";
import { syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import { createAddressGuard } from "../../src/fetch/address-guard.ts";
import { HubClient } from "../../src/hub/client.ts";
import { asHubError } from "../../src/hub/fault.ts";
import { networksBeside, nextHop } from "../../src/hub/redirect.ts";
import { parseRetryAfter } from "../../src/hub/refusal.ts";
import { listen } from "./fake-hub.ts";

const ADDRESSES = [
  "8.8.8.8",
  "2606:4700::1",
  "10.1.2.3",
  "192.168.1.1",
  "fd00::1",
  "127.0.0.1",
  "::1",
  "169.254.169.254",
];

/** Which of the addresses a hub at `addresses` may redirect to. */
function reachable(...addresses: string[]): string[] {
  return ADDRESSES.filter(createAddressGuard({ allow: networksBeside(addresses), ownAddresses: () => [] }));
}

test("a hub whose name was not found once is looked up again", async (t) => {
  const url = new URL(await listen(t, (_, response) => void response.end("ok")));
  let lookups = 0;
  const mocked = t.mock.method(dns, "lookup", async () => {
    lookups += 1;
    if (lookups === 1) throw Object.assign(new Error("getaddrinfo EAI_AGAIN"), { code: "EAI_AGAIN" });
    return [{ address: "127.0.0.1", family: 4 }];
  });
  syncBuiltinESMExports();
  t.after(() => {
    mocked.mock.restore();
    syncBuiltinESMExports();
  });
  const client = new HubClient({ hub: new URL("http://hub.example"), token: null });
  const { signal } = new AbortController();
  await assert.rejects(client.open(url, {}, signal), { code: "HUB_UNREACHABLE" });
  const answer = await client.open(url, {}, signal);
  assert.equal(answer.status, 200);
  answer.close();
});

test("a hub redirects no further inside than it is itself", () => {
  const outside = ["8.8.8.8", "2606:4700::1"];
  assert.deepEqual(reachable("3.3.3.3", "2600::1"), outside);
  assert.deepEqual(reachable("10.9.9.9"), [...outside, "10.1.2.3", "192.168.1.1", "fd00::1"]);
  assert.deepEqual(reachable("127.0.0.1"), [...outside, "127.0.0.1", "::1"]);
  assert.deepEqual(reachable("169.254.1.1"), outside);
  assert.deepEqual(reachable(), outside);
});

test("a redirect keeps its headers within an origin, and only harmless ones to another", () => {
  const headers = {
    authorization: "Bearer x",
    cookie: "a",
    range: "bytes=1-",
    "if-range": '"t"',
    "user-agent": "linescribe",
  };
  const hop = { url: new URL("https://hub.example/a"), headers };
  assert.deepEqual(nextHop(hop, "/b#there"), { url: new URL("https://hub.example/b"), headers });
  const harmless = { range: "bytes=1-", "if-range": '"t"', "user-agent": "linescribe" };
  for (const other of ["https://cdn.example/b", "https://hub.example:8443/b", "//sub.hub.example/b"])
    assert.deepEqual(nextHop(hop, other).headers, harmless, other);
  assert.throws(() => nextHop(hop, "http://hub.example/b"), {
    code: "HUB_BAD_REDIRECT",
    message: /from https to http/,
  });
});

test("an error of the network is named by what it means", () => {
  const named = (code: string, began = false) => {
    const error = asHubError(Object.assign(new Error("x"), { code }), "hub.example", began) as {
      code: string;
      retryable: boolean;
    };
    return [error.code, error.retryable];
  };
  assert.deepEqual(named("ENOTFOUND"), ["HUB_UNREACHABLE", true]);
  assert.deepEqual(named("ECONNRESET", true), ["HUB_BROKE_OFF", true]);
  assert.deepEqual(named("UND_ERR_BODY_TIMEOUT", true), ["HUB_TIMEOUT", true]);
  assert.deepEqual(named("UND_ERR_CONNECT_TIMEOUT"), ["HUB_TIMEOUT", true]);
  assert.deepEqual(named("DEPTH_ZERO_SELF_SIGNED_CERT"), ["HUB_UNREACHABLE", false]);
  assert.deepEqual(named("ERR_TLS_CERT_ALTNAME_INVALID"), ["HUB_UNREACHABLE", false]);
  assert.deepEqual(named("HPE_INVALID_CONSTANT"), ["HUB_BAD_ANSWER", false]);
  assert.deepEqual(named("UND_ERR_HEADERS_OVERFLOW"), ["HUB_BAD_ANSWER", false]);
  const misuse = new TypeError("ours");
  assert.equal(asHubError(misuse, "hub.example", false), misuse);
});

test("Retry-After is read as seconds and as a date", () => {
  const nowAt = Date.parse("2026-11-23T12:00:00Z");
  assert.equal(parseRetryAfter("7", nowAt), 7000);
  assert.equal(parseRetryAfter("Mon, 23 Nov 2026 12:01:00 GMT", nowAt), 60_000);
  assert.equal(parseRetryAfter("Mon, 23 Nov 2026 11:00:00 GMT", nowAt), 0);
  for (const text of [undefined, "", "-1", "soon", "1e9", "99999999999"])
    assert.equal(parseRetryAfter(text, nowAt), null);
});
