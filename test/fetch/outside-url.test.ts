import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LinescribeError } from "../../src/base/error.ts";
import { STANDARD_PORTS } from "../../src/fetch/fetcher.ts";
import { parseOutsideUrl } from "../../src/fetch/outside-url.ts";

const parse = (text: string): URL => parseOutsideUrl(text, STANDARD_PORTS);

const REFUSED: [string, string[]][] = [
  [
    "another scheme",
    [
      "ftp://a.example/",
      "file:///etc/passwd",
      "gopher://a.example",
      "ws://a.example",
      "data:,x",
      "javascript:1",
      "blob:http://a.example/1",
    ],
  ],
  [
    "no URL",
    [
      "",
      "a.example",
      "//a.example/x",
      "http://",
      "http:///",
      "https://exa mple.com",
      "http://[::1",
      "http://a.example:99999/",
      "http://[fe80::1%25eth0]/",
    ],
  ],
  [
    "credentials",
    [
      "http://user@a.example/",
      "http://user:pass@a.example/",
      "http://:pass@a.example/",
      "http://a.example%40b.example@127.0.0.1/",
    ],
  ],
  [
    "a port that is not open to them",
    [
      "http://a.example:22/",
      "http://a.example:6379/",
      "http://a.example:0/",
      "https://a.example:8444/",
      "http://a.example:25/",
    ],
  ],
  [
    "spaces, control characters or backslashes",
    [
      " http://a.example",
      "http://a.example\n",
      "ht\ntp://a.example",
      "http://a.exa\tmple",
      "http:\\\\a.example\\",
      "http://a.example/\r\nHost:x",
      "http://a.example/\u0000",
    ],
  ],
  [
    "a name of this machine",
    [
      "http://localhost/",
      "http://LOCALHOST/",
      "http://localhost./",
      "http://app.localhost/",
      "http://ⓛocalhost/",
      "http://%6cocalhost/",
    ],
  ],
  [
    "a name that can be none",
    [
      "http://a..example/",
      "http://a.example../",
      "http://./",
      `http://${"a".repeat(64)}.example/`,
      `http://${"a.".repeat(127)}example/`,
      "http://1.2.3.4.5/",
      "http://4294967296/",
      "http://a.example*/",
      "http://a!b.example/",
    ],
  ],
  ["too many characters", [`http://a.example/${"x".repeat(2048)}`]],
];
for (const [title, urls] of REFUSED) {
  test(`a URL with ${title} is refused, and not repeated`, () => {
    for (const url of urls) {
      assert.throws(
        () => parse(url),
        (error) =>
          error instanceof LinescribeError &&
          error.code === "FETCH_BAD_URL" &&
          (url.length < 8 || !error.message.includes(url)),
        url,
      );
    }
  });
}

test("every spelling of an address comes out as the address", () => {
  for (const [url, host] of [
    ["http://2130706433/", "127.0.0.1"],
    ["http://0x7f000001/", "127.0.0.1"],
    ["http://0x7f.1/", "127.0.0.1"],
    ["http://0177.0.0.01/", "127.0.0.1"],
    ["http://127.1/", "127.0.0.1"],
    ["http://127.0.0.1./", "127.0.0.1"],
    ["http://127.0.0.1%2e/", "127.0.0.1"],
    ["http://%31%32%37.0.0.1/", "127.0.0.1"],
    ["http://①②⑦.⓪.⓪.①/", "127.0.0.1"],
    ["http://127。0。0。1/", "127.0.0.1"],
    ["http:127.0.0.1/", "127.0.0.1"],
    ["http:/127.0.0.1/", "127.0.0.1"],
    ["http://0/", "0.0.0.0"],
    ["http://0300.0250.0.1/", "192.168.0.1"],
    ["http://0xa9fea9fe/", "169.254.169.254"],
    ["http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]"],
    ["http://[0:0:0:0:0:0:0:1]/", "[::1]"],
    ["http://4294967295/", "255.255.255.255"],
  ] as const) {
    assert.equal(parse(url).hostname, host, url);
  }
});

test("a good URL keeps its path and query, and loses the dot behind its name and its fragment", () => {
  assert.equal(
    parse("HTTPS://Media.Example.:8443/a%20b/c?d=e&f#part").href,
    "https://media.example:8443/a%20b/c?d=e&f",
  );
  assert.equal(parse("http://bücher.example/").hostname, "xn--bcher-kva.example");
  assert.equal(parse("http://a_b.example:443/").port, "443");
});

test("any text is a URL with a usable host, or refused", () => {
  const pieces = fc.constantFrom(
    "http://",
    "https://",
    "@",
    ":",
    "/",
    "[",
    "]",
    "127.0.0.1",
    "localhost",
    ".",
    "a.example",
    "%2e",
    "\\",
    "#",
    "?",
    "0x7f",
    "::1",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 8 }).map((list) => list.join("")),
    fc.webUrl(),
  );
  fc.assert(
    fc.property(text, (given) => {
      try {
        const { protocol, username, password, hostname } = parse(given);
        assert.match(protocol, /^https?:$/);
        assert.equal(username + password, "");
        assert.doesNotMatch(hostname, /localhost$|\.$/);
        assert.notEqual(hostname, "");
      } catch (error) {
        assert.ok(error instanceof LinescribeError, String(error));
      }
    }),
  );
});
