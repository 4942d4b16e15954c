import assert from "node:assert/strict";
import { test } from "node:test";
import { faultsOfNumber } from "../../src/telephony/number.ts";
import type { NumberEntry, Then } from "../../src/telephony/port.ts";
import { entryOf, PUBLIC_URL } from "./support.ts";

const connect: Partial<NumberEntry> = { mode: "connect", tracks: ["inbound"] };

test("entries that the carrier can carry out have no faults", () => {
  const followers: Then[] = [
    { dial: "+1555" },
    { sip: "sip:a@b" },
    { client: "a" },
    { redirect: "https://x/y" },
  ];
  for (const next of followers) {
    assert.deepEqual(faultsOfNumber(entryOf({}, next), PUBLIC_URL), []);
    assert.deepEqual(faultsOfNumber(entryOf(connect, next), PUBLIC_URL), []);
  }
  assert.deepEqual(faultsOfNumber(entryOf(connect, null), PUBLIC_URL), []);
  assert.deepEqual(faultsOfNumber(entryOf(connect, { hangup: true }), PUBLIC_URL), []);
});

test("each impossible pair is named", () => {
  const cases: [Partial<NumberEntry>, Then | null, RegExp][] = [
    [{ ...connect, tracks: ["inbound", "outbound"] }, null, /connect has the inbound track only/],
    [{ ...connect, tracks: ["outbound"] }, null, /connect has the inbound track only/],
    [{ tracks: [] }, { dial: "1" }, /at least one track/],
    [{ tracks: ["inbound", "inbound"] }, { dial: "1" }, /each track once/],
    [{}, null, /keeps the call alive/],
    [{}, { hangup: true }, /keeps the call alive/],
    [connect, { redirect: `${PUBLIC_URL}/twilio/voice?x=1` }, /round for ever/],
    [{ parameters: { token: "x" } }, { dial: "1" }, /token is ours/],
    [{ parameters: { a: "x".repeat(499) } }, { dial: "1" }, /under 500 characters/],
    [{ parameters: { "": "x" } }, { dial: "1" }, /under 500 characters/],
    [
      { parameters: Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`p${index}`, ""])) },
      { dial: "1" },
      /at most 98 parameters/,
    ],
    [{ announcement: "x".repeat(4097) }, { dial: "1" }, /at most 4096 characters/],
    [{ ...connect, overloadMessage: " " }, null, /needs an overload message/],
  ];
  for (const [overrides, next, pattern] of cases) {
    const faults = faultsOfNumber(entryOf(overrides, next), PUBLIC_URL);
    assert.equal(faults.length, 1, JSON.stringify(faults));
    assert.match(faults[0] ?? "", pattern);
  }
  assert.deepEqual(faultsOfNumber(entryOf({ parameters: { a: "x".repeat(498) } }), PUBLIC_URL), []);
});

test("all faults of an entry are told at once", () => {
  assert.equal(
    faultsOfNumber(entryOf({ tracks: [], parameters: { token: "" } }, null), PUBLIC_URL).length,
    3,
  );
});
