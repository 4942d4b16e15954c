import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS, dueAction, type SocketTimes } from "../../src/telephony/deadlines.ts";

const times: SocketTimes = { openedAt: 0, lastMessageAt: 0, lastPingAt: 0, unanswered: 0, streaming: true };
const due = (now: number, overrides: Partial<SocketTimes> = {}) =>
  dueAction({ ...times, ...overrides }, DEFAULT_LIMITS, now);

test("a socket that has not started has 10 s, whatever it says meanwhile", () => {
  assert.equal(due(9999, { streaming: false, lastMessageAt: 9999 }), null);
  assert.equal(due(10_000, { streaming: false, lastMessageAt: 9999 }), "start_timeout");
});

test("a ping is due 20 s after the last, and the socket is lost when two were not answered", () => {
  assert.equal(due(19_999), null);
  assert.equal(due(20_000), "ping");
  assert.equal(due(40_000, { lastPingAt: 20_000, unanswered: 1 }), "ping");
  assert.equal(due(59_999, { lastPingAt: 39_999, unanswered: 2 }), "lost");
  assert.equal(due(59_998, { lastPingAt: 39_999, unanswered: 2 }), null);
});

test("a stream is idle 60 s after its last message, and is over after four hours", () => {
  assert.equal(due(59_999, { lastPingAt: 59_000 }), null);
  assert.equal(due(60_000, { lastPingAt: 59_000 }), "idle");
  const fourHours = 14_400_000;
  const live = { lastMessageAt: fourHours - 1, lastPingAt: fourHours - 1 };
  assert.equal(due(fourHours - 1, live), null);
  assert.equal(due(fourHours, live), "duration");
});
