import assert from "node:assert/strict";
import { test } from "node:test";
import { PeerCounts } from "../../src/telephony/peers.ts";

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
