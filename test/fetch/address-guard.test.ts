import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import { networksOf } from "../../src/base/ip-address.ts";
import { createAddressGuard } from "../../src/fetch/address-guard.ts";

const permits = createAddressGuard({ allow: [], ownAddresses: () => [] });

const DENIED: Record<string, string[]> = {
  "this network": ["0.0.0.0", "0.1.2.3", "::"],
  private: ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1"],
  loopback: ["127.0.0.1", "127.255.255.254", "::1"],
  "link-local and metadata": ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254"],
  "metadata of other clouds": ["100.100.100.200", "192.0.0.192", "168.63.129.16"],
  "behind carriers' NAT": ["100.64.0.1", "100.127.255.255"],
  "documentation and benchmarks": [
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
  ],
  "multicast, reserved, broadcast": ["224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "ff02::1"],
  "6to4 relays": ["192.88.99.1"],
  "unique and site local": ["fc00::1", "fdff::1", "fec0::1"],
  "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:10.0.0.1"],
  "IPv4-compatible": ["::127.0.0.1", "::7f00:1", "::a9fe:a9fe"],
  "IPv4-translated": ["::ffff:0:127.0.0.1", "::ffff:0:7f00:1"],
  NAT64: ["64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::808:808", "64:ff9b:1::1"],
  "6to4": ["2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1"],
  Teredo: ["2001:0:1::1", "2001::1"],
  "other special IPv6": [
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "3ffe::1",
    "100::1",
  ],
  "not assigned": ["4000::1", "5f00::1", "8000::1", "1::1"],
  "no address": ["", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "1.2.3.4 "],
};
for (const [title, addresses] of Object.entries(DENIED)) {
  test(`addresses may not be reached: ${title}`, () => {
    for (const address of addresses) assert.equal(permits(address), false, address);
  });
}

test("public addresses may be reached, up to the edges of what is not", () => {
  for (const address of [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "3ffd::1",
  ]) {
    assert.equal(permits(address), true, address);
  }
});

test("an IPv4 address is judged the same in every IPv6 form that carries it, or worse", () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const [a, b, c, d] = address.split(".").map(Number) as [number, number, number, number];
      const tail = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
      assert.equal(permits(`::ffff:${tail}`), permits(address));
      for (const form of [`::${tail}`, `64:ff9b::${tail}`, `2002:${tail}::1`, `::ffff:0:${tail}`])
        assert.equal(permits(form), false, form);
    }),
  );
});

test("what the operator allows may be reached, in its mapped form too, and nothing beside it", () => {
  const inside = createAddressGuard({
    allow: networksOf("10.1.0.0/16", "fd00:1::/32"),
    ownAddresses: () => ["10.1.0.9"],
  });
  for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "8.8.8.8", "10.1.0.9"])
    assert.equal(inside(address), true, address);
  for (const address of ["10.2.0.1", "127.0.0.1", "fd00:2::5", "64:ff9b::a01:203"])
    assert.equal(inside(address), false, address);
});

test("an address of this machine may not be reached, public or not", () => {
  const guard = createAddressGuard({
    allow: [],
    ownAddresses: () => ["8.8.4.4", "2606:4700::5", "fe80::1%eth0"],
  });
  for (const address of ["8.8.4.4", "::ffff:8.8.4.4", "2606:4700::5"]) assert.equal(guard(address), false);
  assert.equal(guard("8.8.8.8"), true);
  const standard = createAddressGuard({ allow: [] });
  for (const { address } of Object.values(networkInterfaces()).flatMap((list) => list ?? []))
    assert.equal(standard(address), false, address);
});
