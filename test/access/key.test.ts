import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { acceptedSubprotocol, credentialOf } from "../../src/access/credential.ts";
import { createKeyText, parseKeyText } from "../../src/access/key.ts";

test("a key is ls_, 8 letters and 32 random bytes, and what is stored is their SHA-256", () => {
  const { id, hash, text } = createKeyText();
  const [, ownId, secret = ""] = /^ls_([a-z0-9]{8})_([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  assert.equal(ownId, id);
  assert.equal(Buffer.from(secret, "base64url").length, 32);
  assert.deepEqual(Buffer.from(hash), createHash("sha256").update(secret).digest());
  assert.ok(!Buffer.from(hash).toString("latin1").includes(secret));
});

test("a thousand keys have a thousand ids and secrets, and each reads back", () => {
  const keys = Array.from({ length: 1000 }, () => createKeyText());
  assert.equal(new Set(keys.map(({ id }) => id)).size, 1000);
  assert.equal(new Set(keys.map(({ text }) => text.slice(12))).size, 1000);
  for (const { id, hash, text } of keys) assert.deepEqual(parseKeyText(text), { id, hash });
});

test("no other spelling of a key is the key", () => {
  const { text, hash } = createKeyText();
  const last = text.slice(-1);
  // The last letter has two bits that decode to nothing: 3 other letters decode to the same bytes.
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const twin = letters[letters.indexOf(last) ^ 1] as string;
  const parsed = parseKeyText(text.slice(0, -1) + twin);
  assert.ok(parsed && !Buffer.from(parsed.hash).equals(hash));
  for (const other of [` ${text}`, `${text}\n`, `${text}=`, text.replace("ls_", "LS_"), ""])
    assert.equal(parseKeyText(other), null);
});

test("any header is a key, none, or unreadable, and never throws", () => {
  const header = fc.option(
    fc.oneof(
      fc.string(),
      fc.stringMatching(/^(bearer|token|Basic)[ ,]*[\w, -]*$/),
      fc.array(fc.constantFrom("token", "bearer", "", "x", " ", "ls_a"), { maxLength: 6 }).map(String),
    ),
    { nil: undefined },
  );
  fc.assert(
    fc.property(header, header, (authorization, protocols) => {
      const headers = {
        ...(authorization === undefined ? {} : { authorization }),
        ...(protocols === undefined ? {} : { "sec-websocket-protocol": protocols }),
      };
      const credential = credentialOf({ headers });
      if (credential.kind !== "key") return;
      assert.match(credential.text, /^[^\s,]/);
      assert.ok(`${authorization} ${protocols}`.includes(credential.text));
    }),
  );
});

test("the subprotocol that is answered is a word of ours, never what came behind it", () => {
  assert.equal(acceptedSubprotocol(new Set(["token", "ls_secret"])), "token");
  assert.equal(acceptedSubprotocol(new Set(["v1", "Bearer", "ls_secret"])), "Bearer");
  assert.equal(acceptedSubprotocol(new Set(["ls_secret"])), false);
  assert.equal(acceptedSubprotocol(new Set()), false);
});
