import assert from "node:assert/strict";
import { SocketAddress } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatIp,
  isInside,
  isLoopbackIp,
  networksOf,
  parseIp,
  parseNetwork,
  peerKey,
} from "../../src/base/ip-address.ts";

const shown = (text: string): string | null => {
  const ip = parseIp(text);
  return ip && formatIp(ip);
};

test("an address has one spelling, and a mapped one is the IPv4 address", () => {
  for (const [text, expected] of [
    ["127.0.0.1", "127.0.0.1"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:a00:1", "10.0.0.1"],
    ["0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
    ["1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a"],
  ] as const) {
    assert.equal(shown(text), expected, text);
  }
});

test("what is no address in its usual spelling is null", () => {
  for (const text of [
    "",
    "localhost",
    "127.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.01",
    "2130706433",
    "1.2.3.4.5",
    "1.2.3.4:80",
    "[::1]",
    "::1::",
    "1:2:3:4:5:6:7:8:9",
    " 1.2.3.4",
    "1.2.3.4\n",
    "unknown",
    "::ffff:1.2.3.256",
  ]) {
    assert.equal(parseIp(text), null, JSON.stringify(text));
  }
});

test("every address reads back as Node spells it", () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const ours = shown(text);
      const { address } = new SocketAddress({ address: text, family: "ipv6" });
      assert.equal(ours, shown(address));
      assert.equal(shown(ours as string), ours);
    }),
  );
  fc.assert(fc.property(fc.ipV4(), (text) => assert.equal(shown(text), text)));
});

test("a network holds the addresses with its leading bits, of its own version only", () => {
  const inside = (text: string, network: string): boolean => {
    const [ip, parsed] = [parseIp(text), parseNetwork(network)];
    assert.ok(ip && parsed, `${text} ${network}`);
    return isInside(ip, parsed);
  };
  assert.equal(inside("10.255.0.1", "10.0.0.0/8"), true);
  assert.equal(inside("11.0.0.0", "10.0.0.0/8"), false);
  assert.equal(inside("172.31.255.255", "172.16.0.0/12"), true);
  assert.equal(inside("172.32.0.0", "172.16.0.0/12"), false);
  assert.equal(inside("10.0.0.1", "10.0.0.1"), true);
  assert.equal(inside("10.0.0.2", "10.0.0.1/32"), false);
  assert.equal(inside("203.0.113.1", "0.0.0.0/0"), true);
  assert.equal(inside("203.0.113.1", "::/0"), false);
  assert.equal(inside("::ffff:10.0.0.1", "10.0.0.0/8"), true);
  assert.equal(inside("10.0.0.1", "::ffff:10.0.0.0/104"), true);
  assert.equal(inside("2001:db8:1::1", "2001:db8::/47"), true);
  assert.equal(inside("2001:db8:2::1", "2001:db8::/47"), false);
});

test("a network with bits behind its prefix, or that would be another one, is none", () => {
  for (const text of [
    "10.0.0.1/8",
    "::ffff:10.0.0.0/8",
    "::ffff:10.0.0.0/95",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "2001:db8::/129",
    "2001:db8::1/64",
    "10.0.0/8",
    "fe80::1%eth0/64",
    "",
    "/8",
  ]) {
    assert.equal(parseNetwork(text), null, text);
  }
  assert.throws(() => networksOf("10.0.0.0/8", "private"), RangeError);
});

test("loopback is 127.0.0.0/8 and ::1, mapped or not", () => {
  for (const text of ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"])
    assert.equal(isLoopbackIp(parseIp(text) as never), true, text);
  for (const text of ["128.0.0.1", "0.0.0.0", "::", "::2", "::7f00:1", "10.0.0.1"])
    assert.equal(isLoopbackIp(parseIp(text) as never), false, text);
});

test("an IPv6 peer counts as its /64, a mapped IPv4 address as the IPv4 address, other text as it is", () => {
  for (const address of [
    "2001:db8:0:1::5",
    "2001:db8:0:1:ffff::1",
    "2001:DB8:0:1:1:2:3:4",
    "2001:0db8::1:0:0:0:9",
  ]) {
    assert.equal(peerKey(address), "2001:db8:0:1::/64", address);
  }
  assert.equal(peerKey("2001:db8:0:2::5"), "2001:db8:0:2::/64");
  assert.equal(peerKey("fe80::1%eth0"), "fe80::/64");
  assert.equal(peerKey("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(peerKey("10.0.0.1"), "10.0.0.1");
  assert.equal(peerKey("unknown"), "unknown");
});
