import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import twilio from "twilio";
import { checkRequest, checkUpgrade, upgradeCandidates } from "../../src/telephony/signature.ts";

/** Published example of the carrier (docs/usage/security), auth token 12345. */
const EXAMPLE = {
  CallSid: "CA1234567890ABCDE",
  Caller: "+12349013030",
  Digits: "1234",
  From: "+12349013030",
  To: "+18005551212",
};
const keys = { authTokens: ["12345"], publicUrl: "https://mycompany.com" };
const SIGNATURE = "0/KCTR6DLpKmkAf8muzZqo1nDgQ=";

function check(overrides: Partial<Parameters<typeof checkRequest>[1]> = {}, authTokens = keys.authTokens) {
  const request = {
    originalUrl: "/myapp.php?foo=1&bar=2",
    signature: SIGNATURE,
    params: EXAMPLE,
    ...overrides,
  };
  return checkRequest({ ...keys, authTokens }, request);
}

test("the published example of a signed form is valid", () => {
  assert.deepEqual(check(), { valid: true });
});

test("a signature is refused when a parameter, the path, the query, the token or a byte of it differs", () => {
  const mismatch = {
    valid: false,
    reason: "mismatch",
    checkedUrls: ["https://mycompany.com/myapp.php?foo=1&bar=2"],
  };
  assert.deepEqual(check({ params: { ...EXAMPLE, Digits: "1235" } }), mismatch);
  assert.deepEqual(check({ params: { ...EXAMPLE, Extra: "" } }), mismatch);
  assert.deepEqual(check({}, ["54321"]), mismatch);
  assert.deepEqual(check({ signature: `1${SIGNATURE.slice(1)}` }), mismatch);
  assert.equal(check({ originalUrl: "/myapp.php?foo=1&bar=3" }).valid, false);
  assert.equal(check({ originalUrl: "/myapp.php/?foo=1&bar=2" }).valid, false);
});

test("a missing or empty signature is told apart from a wrong one", () => {
  for (const signature of [undefined, ""]) {
    const verdict = check({ signature });
    assert.equal(verdict.valid === false && verdict.reason, "missing");
  }
});

test("any of several auth tokens may have signed, an empty one never", () => {
  assert.deepEqual(check({}, ["new", "12345"]), { valid: true });
  assert.equal(check({}, []).valid, false);
  const empty = twilio.getExpectedTwilioSignature("", "https://mycompany.com/myapp.php?foo=1&bar=2", EXAMPLE);
  assert.equal(check({ signature: empty }, [""]).valid, false);
});

test("a repeated parameter is signed once per value, in order", () => {
  const params = { To: ["b", "a", "b"] };
  const url = "https://mycompany.com/x";
  const signature = twilio.getExpectedTwilioSignature("12345", url, params);
  assert.equal(check({ originalUrl: "/x", params: { To: ["a", "b"] }, signature }).valid, true);
});

test("a public URL with a trailing slash, a port or a path signs the same requests", () => {
  const signed = (url: string) => twilio.getExpectedTwilioSignature("12345", url, EXAMPLE);
  const checked = (publicUrl: string, signature: string) =>
    checkRequest({ ...keys, publicUrl }, { originalUrl: "/twilio/voice", signature, params: EXAMPLE }).valid;
  assert.equal(checked("https://h/", signed("https://h/twilio/voice")), true);
  assert.equal(checked("https://h", signed("https://h:443/twilio/voice")), true);
  assert.equal(checked("https://h:443", signed("https://h/twilio/voice")), true);
  assert.equal(checked("https://h:8443", signed("https://h:8443/twilio/voice")), true);
  assert.equal(checked("https://h/phone/", signed("https://h/phone/twilio/voice")), true);
  assert.equal(checked("https://h", signed("http://h/twilio/voice")), false);
});

test("a body that the URL carries the hash of must be that body", () => {
  const body = '{"a":1}';
  const hash = createHash("sha256").update(body).digest("hex");
  assert.equal(hash, "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
  const request = {
    originalUrl: `/j?bodySHA256=${hash}`,
    signature: "HZcabmio6hlmeaDQkKsY4H/TL0A=",
    params: {},
  };
  assert.deepEqual(checkRequest(keys, { ...request, rawBody: body }), { valid: true });
  assert.equal(checkRequest(keys, { ...request, rawBody: '{"a":2}' }).valid, false);
  assert.equal(checkRequest(keys, request).valid, false);
});

test("the published example of a signed upgrade is valid under every policy", () => {
  for (const policy of ["required", "ifPresent", "off"] as const) {
    assert.deepEqual(checkUpgrade(keys, policy, "/media", "okykUWKkAOgQseVjzERZh4soLeU="), { valid: true });
  }
});

test("an upgrade without a signature passes unless one is required, a wrong one passes only when switched off", () => {
  const outcomes = (signature: string | undefined) =>
    (["required", "ifPresent", "off"] as const).map(
      (policy) => checkUpgrade(keys, policy, "/media", signature).valid,
    );
  assert.deepEqual(outcomes(undefined), [false, true, true]);
  assert.deepEqual(outcomes("AAAA"), [false, false, true]);
});

test("an upgrade may be signed with or without :443 and with or without a trailing slash, and over wss only", () => {
  const accepts = (publicUrl: string, path: string, url: string) =>
    checkUpgrade(
      { ...keys, publicUrl },
      "required",
      path,
      twilio.getExpectedTwilioSignature("12345", url, {}),
    ).valid;
  for (const publicUrl of ["https://h", "https://h/", "https://h:443"]) {
    for (const path of ["/ws", "/ws/"]) {
      for (const url of ["wss://h/ws", "wss://h:443/ws", "wss://h/ws/", "wss://h:443/ws/"]) {
        assert.equal(accepts(publicUrl, path, url), true, `${publicUrl} ${path} signed as ${url}`);
      }
      for (const url of ["https://h/ws", "ws://h/ws", "wss://h:8443/ws", "wss://h/wsx", "wss://i/ws"]) {
        assert.equal(accepts(publicUrl, path, url), false, `${publicUrl} ${path} signed as ${url}`);
      }
    }
    for (const url of ["wss://h", "wss://h/", "wss://h:443", "wss://h:443/"]) {
      assert.equal(accepts(publicUrl, "/", url), true, `${publicUrl} / signed as ${url}`);
    }
  }
  assert.equal(accepts("https://h:8443", "/ws", "wss://h:8443/ws"), true);
  assert.equal(accepts("https://h/phone", "/ws", "wss://h/phone/ws"), true);
});

test("an upgrade is signed over the media address where that is another one", () => {
  const shared = { ...keys, publicUrl: "https://h", mediaUrl: "https://h/b" };
  const accepts = (url: string) =>
    checkUpgrade(shared, "required", "/ws", twilio.getExpectedTwilioSignature("12345", url, {})).valid;
  assert.deepEqual(
    [accepts("wss://h/b/ws"), accepts("wss://h/ws"), accepts("wss://h/a/ws")],
    [true, false, false],
  );
});

test("the candidates of an upgrade name what was checked", () => {
  assert.deepEqual(upgradeCandidates("https://h", "/twilio/media"), [
    "wss://h:443/twilio/media",
    "wss://h:443/twilio/media/",
  ]);
});

test("whatever a request holds, the check answers and does not throw", () => {
  const text = fc.oneof(fc.string(), fc.constantFrom("//", "http://[", "/%", "/?bodySHA256=", "\u0000"));
  fc.assert(
    fc.property(
      text,
      fc.option(text, { nil: undefined }),
      fc.object(),
      text,
      (originalUrl, signature, params, publicUrl) => {
        const request = { originalUrl, signature, params };
        assert.equal(checkRequest({ authTokens: ["12345"], publicUrl }, request).valid, false);
        assert.equal(
          checkUpgrade({ authTokens: ["12345"], publicUrl }, "required", originalUrl, signature).valid,
          false,
        );
      },
    ),
    { numRuns: 300 },
  );
});
