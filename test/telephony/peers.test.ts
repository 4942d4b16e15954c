import assert from "node:assert/strict";
import { test } from "node:test";
import { PeerCounts, peerKey } from "../../src/telephony/peers.ts";

test("an IPv6 peer counts as its /64, a mapped IPv4 address as the IPv4 address", () => {
  for (const address of [
    "2001:db8:0:1::5",
    "2001:db8:0:1:ffff::1",
    "2001:DB8:0:1:1:2:3:4",
    "2001:0db8::1:0:0:0:9",
  ]) {
    assert.equal(peerKey(address), "2001:db8:0:1::/64", address);
  }
  assert.equal(peerKey("2001:db8:0:2::5"), "2001:db8:0:2::/64");
  assert.equal(peerKey("::1"), "0:0:0:0::/64");
  assert.equal(peerKey("fe80::1%eth0"), "fe80:0:0:0::/64");
  assert.equal(peerKey("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(peerKey("10.0.0.1"), "10.0.0.1");
  assert.equal(peerKey("unknown"), "unknown");
});

test("an address is counted in up to its maximum, and each socket out once", () => {
  const peers = new PeerCounts(2);
  const [first, second] = [peers.enter("10.0.0.1"), peers.enter("10.0.0.1")];
  assert.ok(first && second);
  assert.equal(peers.enter("10.0.0.1"), null);
  assert.ok(peers.enter("10.0.0.2"));
  first();
  first();
  assert.ok(peers.enter("10.0.0.1"));
  assert.equal(peers.enter("10.0.0.1"), null, "leaving twice counts once");
});
