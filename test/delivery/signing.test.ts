import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { LinescribeError } from "../../src/base/error.ts";
import { createSecret, parseSecret, sign, verify } from "../../src/delivery/signing.ts";

/** The example of the Standard Webhooks reference libraries. */
const VECTOR = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  at: 1_614_265_330_000,
  body: '{"test": 2432232314}',
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

test("the published example gives the published signature", () => {
  assert.deepEqual(sign(VECTOR, [VECTOR.secret]), {
    "webhook-id": VECTOR.id,
    "webhook-timestamp": "1614265330",
    "webhook-signature": VECTOR.signature,
  });
  const headers = { ...sign(VECTOR, [VECTOR.secret]) };
  assert.equal(verify({ headers, body: VECTOR.body }, [VECTOR.secret], VECTOR.at), true);
});

test("the reference library verifies whatever body we sign, and we verify what it signs", () => {
  fc.assert(
    fc.property(fc.json(), fc.uint8Array({ minLength: 24, maxLength: 64 }), (body, key) => {
      const secret = `whsec_${Buffer.from(key).toString("base64")}`;
      const at = Date.now();
      new Webhook(secret).verify(body, { ...sign({ id: "msg_1", at, body }, [secret]) });
      const headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": String(Math.floor(at / 1000)),
        "webhook-signature": new Webhook(secret).sign("msg_1", new Date(at), body),
      };
      assert.equal(verify({ headers, body: Buffer.from(body) }, [secret], at), true);
    }),
  );
});

test("while keys rotate the receiver may hold the new key, the old one or both", () => {
  const [fresh, old, other] = [createSecret(), createSecret(), createSecret()];
  const message = { id: "msg_1", at: Date.now(), body: "{}" };
  const headers = { ...sign(message, [fresh, old]) };
  assert.equal(headers["webhook-signature"].split(" ").length, 2);
  for (const secrets of [[fresh], [old], [other, old], [fresh, old]]) {
    assert.equal(verify({ headers, body: "{}" }, secrets, message.at), true);
  }
  assert.equal(verify({ headers, body: "{}" }, [other], message.at), false);
  assert.equal(verify({ headers, body: "{}" }, [], message.at), false);
  new Webhook(old).verify("{}", headers);
});

test("a changed body, id, time, signature, scheme or a missing header is not verified", () => {
  const secret = createSecret();
  const at = 1_800_000_000_000;
  const good = { ...sign({ id: "msg_1", at, body: "{}" }, [secret]) };
  const signature = good["webhook-signature"];
  const check = (changes: Record<string, string | string[] | undefined>, body = "{}", now = at) =>
    verify({ headers: { ...good, ...changes }, body }, [secret], now);
  assert.equal(check({}), true);
  assert.equal(check({}, "{} "), false);
  assert.equal(check({ "webhook-id": "msg_2" }), false);
  assert.equal(check({ "webhook-timestamp": "1800000001" }), false);
  assert.equal(check({ "webhook-timestamp": "1.8e9" }), false);
  assert.equal(check({ "webhook-timestamp": "" }), false);
  for (const forged of [
    "",
    "v1,",
    signature.replace("v1,", "v1a,"),
    signature.slice(0, -2),
    `${signature}A`,
  ]) {
    assert.equal(check({ "webhook-signature": forged }), false, forged);
  }
  assert.equal(check({ "webhook-signature": `v1,AAAA ${signature}` }), true);
  assert.equal(check({ "webhook-signature": `${"v1,AAAA ".repeat(500)}${signature}` }), false, "too many");
  for (const name of Object.keys(good)) {
    assert.equal(check({ [name]: undefined }), false, `without ${name}`);
    assert.equal(check({ [name]: [signature] }), false, `${name} twice`);
  }
});

test("a signature is good for five minutes before and after its time", () => {
  const secret = createSecret();
  const at = 1_800_000_000_000;
  const request = { headers: { ...sign({ id: "msg_1", at, body: "{}" }, [secret]) }, body: "{}" };
  for (const [offsetMs, good] of [
    [300_000, true],
    [301_000, false],
    [-300_000, true],
    [-301_000, false],
  ] as const) {
    assert.equal(verify(request, [secret], at + offsetMs), good, `${offsetMs} ms`);
  }
});

test("a secret is whsec_ and the base64 of 24 to 64 bytes; a fault is told without the secret", () => {
  for (const bytes of [24, 25, 26, 64]) {
    const encoded = Buffer.alloc(bytes, 7).toString("base64");
    assert.equal(parseSecret(`whsec_${encoded}`).length, bytes);
    assert.equal(parseSecret(`whsec_${encoded.replaceAll("=", "")}`).length, bytes, "padding may be missing");
  }
  const good = Buffer.alloc(32, 7).toString("base64");
  const bad = [
    "",
    good,
    `whpk_${good}`,
    `whsec_${Buffer.alloc(23, 7).toString("base64")}`,
    `whsec_${Buffer.alloc(65, 7).toString("base64")}`,
    `whsec_ ${good}`,
    `whsec_${good}\n`,
    `whsec_${good.slice(0, 20)}!${good.slice(20)}`,
    "whsec_",
  ];
  for (const secret of bad) {
    assert.throws(
      () => parseSecret(secret),
      (error) =>
        error instanceof LinescribeError &&
        error.code === "CONFIG_INVALID" &&
        (secret.length < 10 || !error.message.includes(secret.slice(8, 20))),
      JSON.stringify(secret),
    );
  }
  assert.equal(parseSecret(createSecret()).length, 32);
});

test("an id with a dot or no secret at all is misuse, since it could not be verified", () => {
  assert.throws(() => sign({ id: "msg.1", at: 0, body: "" }, [createSecret()]), RangeError);
  assert.throws(() => sign({ id: "msg_1", at: 0, body: "" }, []), RangeError);
});
