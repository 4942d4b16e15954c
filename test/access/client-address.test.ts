import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { clientAddress, type ProxyTrust, parseForwardedEntry } from "../../src/access/client-address.ts";
import { formatIp, isInsideAny, networksOf, parseIp } from "../../src/base/ip-address.ts";

const PROXIES = networksOf("10.0.0.0/8", "127.0.0.1", "2001:db8:aaaa::/48");

function resolve(remoteAddress: string | undefined, forwardedFor: string | undefined, trust: ProxyTrust) {
  const headers = forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor };
  return clientAddress({ headers, socket: { remoteAddress } as IncomingMessage["socket"] }, trust);
}

const TABLE: [string, string | undefined, string | undefined, ProxyTrust, string][] = [
  ["the peer, when nobody is trusted", "203.0.113.9", "198.51.100.1", 0, "203.0.113.9"],
  ["the peer, when no network is trusted", "127.0.0.1", "198.51.100.1", [], "127.0.0.1"],
  ["the peer, when it is not one of the proxies", "203.0.113.9", "198.51.100.1", PROXIES, "203.0.113.9"],
  ["what the one proxy appended", "127.0.0.1", "1.1.1.1, 198.51.100.1", 1, "198.51.100.1"],
  [
    "what the outer of two proxies appended",
    "127.0.0.1",
    "1.1.1.1, 198.51.100.1, 10.0.0.2",
    2,
    "198.51.100.1",
  ],
  [
    "the right-most that is no proxy",
    "127.0.0.1",
    "10.0.0.9, 1.1.1.1, 198.51.100.1, 10.0.0.2, 10.3.0.1",
    PROXIES,
    "198.51.100.1",
  ],
  ["the left-most, when all are proxies", "127.0.0.1", "10.0.0.7, 10.0.0.2", PROXIES, "10.0.0.7"],
  ["the peer, when the proxy said nothing", "127.0.0.1", undefined, 1, "127.0.0.1"],
  ["the peer, when the proxy said nothing in many words", "127.0.0.1", " , ,", PROXIES, "127.0.0.1"],
  ["the left-most, when there are fewer than hops", "10.0.0.1", "198.51.100.1", 5, "198.51.100.1"],
  ["the proxy, when what it appended is no address", "127.0.0.1", "1.1.1.1, unknown", PROXIES, "127.0.0.1"],
  ["the last proxy before garbage", "127.0.0.1", "1.1.1.1, _x, 10.0.0.2", PROXIES, "10.0.0.2"],
  ["an entry with a port", "127.0.0.1", "198.51.100.1:4711", 1, "198.51.100.1"],
  ["an IPv6 entry in brackets with a port", "127.0.0.1", "[2001:db8::5]:4711", 1, "2001:db8::5"],
  ["a mapped entry as the IPv4 address", "127.0.0.1", "::ffff:198.51.100.1", 1, "198.51.100.1"],
  ["a mapped peer as the trusted IPv4 proxy", "::ffff:10.1.1.1", "198.51.100.1", PROXIES, "198.51.100.1"],
  ["past a mapped proxy", "127.0.0.1", "198.51.100.1, ::ffff:10.0.0.2", PROXIES, "198.51.100.1"],
  ["past an IPv6 proxy", "2001:db8:aaaa::1", "198.51.100.1", PROXIES, "198.51.100.1"],
  ["unknown, when the socket has no address", undefined, "198.51.100.1", 1, "unknown"],
];
for (const [title, peer, header, trust, expected] of TABLE) {
  test(`the client is ${title}`, () => assert.equal(resolve(peer, header, trust).text, expected));
}

test("headers other than X-Forwarded-For say nothing of the client", () => {
  const names = [
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-forwarded",
  ];
  const headers = Object.fromEntries(names.map((name) => [name, "for=198.51.100.1"]));
  const request = { headers, socket: { remoteAddress: "127.0.0.1" } as IncomingMessage["socket"] };
  assert.equal(clientAddress(request, 1).text, "127.0.0.1");
});

test("an entry is an address with or without port, brackets and quotes, or nothing", () => {
  const shown = (entry: string): string | null => {
    const ip = parseForwardedEntry(entry);
    return ip && formatIp(ip);
  };
  for (const [entry, expected] of [
    ["198.51.100.1", "198.51.100.1"],
    ["  198.51.100.1\t", "198.51.100.1"],
    ['"[2001:db8::5]:80"', "2001:db8::5"],
    ["[2001:db8::5]", "2001:db8::5"],
    ["fe80::1%eth0", "fe80::1"],
    ["[2001:db8::5", null],
    ["[198.51.100.1]x", null],
    ["198.51.100.1:", null],
    ["198.51.100.1:abc", null],
    ["198.51.100.1:123456", null],
    ["1.2.3", null],
    ["0x7f.1", null],
    ["for=198.51.100.1", null],
    ["127.0.0.1 198.51.100.1", null],
    ["unknown", null],
    ["", null],
  ] as const) {
    assert.equal(shown(entry), expected, entry);
  }
});

const anyIp = fc.oneof(fc.ipV4(), fc.ipV6());
const proxyIp = fc
  .integer({ min: 0, max: 2 ** 24 - 1 })
  .map((n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
const outside = anyIp.filter((text) => !isInsideAny(parseIp(text) as never, PROXIES));
/** Whatever a client may write in front of what proxies append. */
const forged = fc.oneof(
  fc.string(),
  anyIp,
  proxyIp,
  fc.constantFrom("127.0.0.1", "::1", "unknown", "[", '"'),
);
const spelt = (text: string): fc.Arbitrary<string> => {
  const port = fc.integer({ min: 0, max: 65_535 });
  if (text.includes(":")) return fc.constantFrom(text, `[${text}]`).chain((t) => maybePort(t, port));
  return fc
    .constantFrom(text, `::ffff:${text}`)
    .chain((t) => (t === text ? maybePort(t, port) : fc.constant(t)));
};
const maybePort = (text: string, port: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  text.includes(":") && !text.startsWith("[")
    ? fc.constant(text)
    : fc.option(port).map((number) => (number === null ? text : `${text}:${number}`));

test("whatever a client writes itself, it is where the outermost trusted proxy saw it", () => {
  fc.assert(
    fc.property(
      outside.chain((client) => fc.tuple(fc.constant(client), spelt(client))),
      fc.array(forged),
      fc.array(proxyIp, { maxLength: 4 }),
      proxyIp,
      ([client, written], lies, proxies, peer) => {
        const header = [...lies.map((lie) => lie.replaceAll(",", " ")), written, ...proxies].join(", ");
        const expected = formatIp(parseIp(client) as never);
        assert.equal(resolve(peer, header, PROXIES).text, expected);
        assert.equal(resolve(peer, header, proxies.length + 1).text, expected);
      },
    ),
  );
});

test("who is not a proxy is where it connects from, whatever it writes", () => {
  fc.assert(
    fc.property(outside, fc.string(), (peer, header) => {
      const expected = formatIp(parseIp(peer) as never);
      assert.equal(resolve(peer, header, PROXIES).text, expected);
      assert.equal(resolve(peer, header, 0).text, expected);
    }),
  );
});

test("any header gives an address or the peer, and never throws", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(10), (header, hops) => {
      assert.notEqual(parseIp(resolve("127.0.0.1", header, hops).text), null);
    }),
  );
});
