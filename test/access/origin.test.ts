import assert from "node:assert/strict";
import { test } from "node:test";
import { isLocalHost } from "../../src/access/local.ts";
import { originAllowed } from "../../src/access/origin.ts";
import { bearer, codeOf, startRig } from "./rig.ts";

interface Case {
  origin?: string;
  host?: string;
  origins?: string[];
  publicUrl?: string;
  keyless?: boolean;
}

const allowed = ({ origin, host = "calls.example.com", origins = [], publicUrl, keyless = false }: Case) =>
  originAllowed(
    { headers: { host, ...(origin === undefined ? {} : { origin }) } },
    { origins, publicUrl: publicUrl ?? null },
    keyless,
  );

const TABLE: [boolean, string, Case][] = [
  [
    false,
    "a page of a public URL elsewhere, without a key,",
    {
      origin: "https://calls.example.com",
      host: "localhost:8080",
      publicUrl: "https://calls.example.com",
      keyless: true,
    },
  ],
  [
    true,
    "a page of a public URL that is this machine, without a key,",
    {
      origin: "http://localhost:9090",
      host: "127.0.0.1:8080",
      publicUrl: "http://localhost:9090",
      keyless: true,
    },
  ],
  [true, "no page", {}],
  [true, "a page of the same host", { origin: "https://calls.example.com" }],
  [
    true,
    "a page of the same host with its usual port named",
    { origin: "https://calls.example.com", host: "calls.example.com:443" },
  ],
  [
    true,
    "a page of the same host and port",
    { origin: "http://calls.example.com:8080", host: "calls.example.com:8080" },
  ],
  [
    true,
    "a page of the same host in capitals",
    { origin: "https://calls.example.com", host: "Calls.Example.COM" },
  ],
  [
    false,
    "a page of another port",
    { origin: "http://calls.example.com:3000", host: "calls.example.com:8080" },
  ],
  [false, "a page elsewhere", { origin: "https://evil.example" }],
  [false, "a page of a longer name", { origin: "https://calls.example.com.evil.example" }],
  [false, "a page of a subdomain", { origin: "https://x.calls.example.com" }],
  [false, "a page without an origin (null)", { origin: "null" }],
  [false, "an empty origin", { origin: "" }],
  [false, "an origin with a user before the host", { origin: "https://calls.example.com@evil.example" }],
  [false, "an origin with a path", { origin: "https://calls.example.com/x" }],
  [false, "two origins", { origin: "https://calls.example.com https://evil.example" }],
  [false, "any page when there is no Host", { origin: "https://calls.example.com", host: "" }],
  [
    false,
    "a Host with a path in it",
    { origin: "https://evil.example", host: "evil.example/calls.example.com" },
  ],
  [true, "a listed page", { origin: "https://app.example", origins: ["https://app.example"] }],
  [
    false,
    "a listed name with another scheme",
    { origin: "http://app.example", origins: ["https://app.example"] },
  ],
  [true, "every page, when all are listed", { origin: "https://evil.example", origins: ["*"] }],
  [
    true,
    "a page of the public URL behind a proxy that names itself",
    { origin: "https://calls.example.com", host: "127.0.0.1:8080", publicUrl: "https://calls.example.com" },
  ],
  [
    false,
    "a page elsewhere whose name points at this machine, without a key",
    { origin: "http://evil.example:8080", host: "evil.example:8080", keyless: true },
  ],
  [
    false,
    "all pages listed, without a key",
    { origin: "https://evil.example", host: "localhost:8080", origins: ["*"], keyless: true },
  ],
  [
    true,
    "a page of this machine, without a key",
    { origin: "http://localhost:8080", host: "localhost:8080", keyless: true },
  ],
  [
    true,
    "a page listed by name, without a key",
    {
      origin: "http://localhost:3000",
      host: "localhost:8080",
      origins: ["http://localhost:3000"],
      keyless: true,
    },
  ],
];
for (const [expected, title, given] of TABLE) {
  test(`${title} ${expected ? "may" : "may not"} connect`, () => assert.equal(allowed(given), expected));
}

test("names of this machine are localhost and loopback addresses, and nothing that looks like them", () => {
  for (const host of [
    "localhost",
    "LOCALHOST:80",
    "app.localhost:3000",
    "localhost.",
    "127.0.0.1:1",
    "127.9.9.9",
    "[::1]:80",
    "[::ffff:127.0.0.1]",
  ])
    assert.equal(isLocalHost(host), true, host);
  for (const host of [
    "",
    ":80",
    "localhost.example.com",
    "xlocalhost",
    "127.0.0.1.example.com",
    "10.0.0.1",
    "[::2]",
    "::1",
    "127.1",
    "localhost:80:80",
    "localhost/",
    "a@localhost",
    "[::1",
  ])
    assert.equal(isLocalHost(host), false, host);
});

test("a page elsewhere is refused before its key is looked at", async (t) => {
  const rig = await startRig(t, { origins: ["https://app.example"] });
  const { text } = rig.addKey();
  const from = (origin: string) => codeOf(rig, { ...bearer(text), origin });
  assert.equal(await from("https://evil.example"), "ACCESS_BAD_ORIGIN");
  assert.equal(await from("https://app.example"), "ok");
  assert.equal(await from(rig.url.slice(0, -1)), "ok");
});

test("a page elsewhere cannot use a server without a key through the browser on its machine", async (t) => {
  const rig = await startRig(t);
  assert.equal(await codeOf(rig, { origin: "https://evil.example" }), "ACCESS_BAD_ORIGIN");
  const rebound = `evil.example:${rig.port}`;
  assert.equal(await codeOf(rig, { origin: `http://${rebound}`, host: rebound }), "ACCESS_BAD_ORIGIN");
  assert.equal(await codeOf(rig, { host: rebound }), "ACCESS_LOOPBACK_ONLY");
});
