import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Counters } from "../../src/base/counters.ts";
import { StreamTokens } from "../../src/telephony/token.ts";
import { CALL, Clock, KEY } from "./support.ts";

function setUp(overrides: Partial<ConstructorParameters<typeof StreamTokens>[0]> = {}) {
  const clock = new Clock();
  const counters = new Counters();
  const tokens = new StreamTokens({ key: KEY, now: clock.now, counters, ttlMs: 60_000, ...overrides });
  return { clock, counters, tokens };
}

test("a token opens one stream of its call, once", () => {
  const { tokens } = setUp();
  const { token } = tokens.mint(CALL);
  assert.equal(tokens.redeem(CALL, token), null);
  assert.equal(tokens.redeem(CALL, token), "used");
});

test("a token of another call, of another key or altered in any part is wrong", () => {
  const { tokens } = setUp();
  const { token } = tokens.mint(CALL);
  assert.equal(tokens.redeem(`${CALL}x`, token), "wrong");
  assert.equal(setUp({ key: Buffer.alloc(32, 8) }).tokens.redeem(CALL, token), "wrong");
  const [expires = "", turn = "", mac = ""] = token.split(".");
  assert.equal(tokens.redeem(CALL, `${Number(expires) + 1}.${turn}.${mac}`), "wrong");
  assert.equal(tokens.redeem(CALL, `${expires}.1.${mac}`), "wrong");
  assert.equal(tokens.redeem(CALL, `${expires}.${turn}.${"A".repeat(43)}`), "wrong");
  assert.equal(tokens.redeem(CALL, token), null, "a failed attempt uses nothing up");
});

test("a token works until the millisecond before it expires", () => {
  const { tokens, clock } = setUp();
  const { token } = tokens.mint(CALL);
  clock.ms += 59_999;
  const early = tokens.mint(CALL);
  assert.equal(tokens.redeem(CALL, token), null);
  clock.ms += 60_000;
  assert.equal(tokens.redeem(CALL, early.token), "expired");
});

test("a missing, empty or malformed token, and a blank CallSid, are refused", () => {
  const { tokens } = setUp();
  assert.equal(tokens.redeem(CALL, undefined), "missing");
  assert.equal(tokens.redeem(CALL, ""), "missing");
  assert.equal(tokens.redeem("", tokens.mint("").token), "malformed");
  for (const token of ["x", "1.2", "1.2.3", "a.0.b", `${"9".repeat(17)}.0.${"A".repeat(43)}`]) {
    assert.equal(tokens.redeem(CALL, token), "malformed", token);
  }
});

test("either token of a repeated webhook works, but only one stream can use one", () => {
  for (const chosen of [0, 1]) {
    const { tokens, clock } = setUp();
    const first = tokens.mint(CALL);
    clock.ms += 5;
    const minted = [first, tokens.mint(CALL)];
    assert.equal(tokens.redeem(CALL, minted[chosen]?.token), null);
    assert.equal(tokens.redeem(CALL, minted[1 - chosen]?.token), "used");
  }
});

test("after a use the next token of the call is a fresh one, with another name for its stream", () => {
  const { tokens } = setUp();
  const first = tokens.mint(CALL);
  tokens.redeem(CALL, first.token);
  const second = tokens.mint(CALL);
  assert.notEqual(second.streamName, first.streamName);
  assert.equal(tokens.redeem(CALL, second.token), null);
  assert.equal(tokens.redeem(CALL, second.token), "used");
  assert.equal(tokens.redeem(CALL, first.token), "used");
});

test("turns are forgotten only when every token of the turn has expired", () => {
  const { tokens, clock } = setUp();
  const early = tokens.mint(CALL);
  clock.ms += 50_000;
  const late = tokens.mint(CALL);
  assert.equal(tokens.redeem(CALL, early.token), null);
  clock.ms += 59_999;
  assert.equal(tokens.redeem("CAother", tokens.mint("CAother").token), null);
  assert.equal(tokens.held, 2);
  assert.equal(tokens.redeem(CALL, late.token), "used");
  clock.ms += 60_000;
  assert.equal(tokens.redeem("CAthird", tokens.mint("CAthird").token), null);
  assert.equal(tokens.held, 1);
});

test("10,000 calls in one lifetime hold no more than the maximum, and what is dropped is counted", () => {
  const { tokens, counters } = setUp({ maximumCalls: 100 });
  for (let call = 0; call < 10_000; call++) tokens.redeem(`CA${call}`, tokens.mint(`CA${call}`).token);
  assert.equal(tokens.held, 100);
  assert.equal(counters.get("token.turns.dropped"), 9900);
});

test("a token and its name stay far below the carrier's 500 characters and need no escaping", () => {
  const { token, streamName } = setUp().tokens.mint(CALL);
  assert.match(token, /^[\w.-]{1,100}$/);
  assert.match(streamName, /^[\w-]{1,64}$/);
});

test("no text that was not minted is ever good", () => {
  const { tokens } = setUp();
  const { token } = tokens.mint(CALL);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.nat(token.length - 1).map((at) => token.slice(0, at) + token.slice(at + 1)),
      ),
      (text) => {
        assert.notEqual(tokens.redeem(CALL, text), null);
      },
    ),
  );
});

test("a key under 16 bytes is refused", () => {
  assert.throws(() => setUp({ key: Buffer.alloc(15) }), RangeError);
});
