import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { CallEndReason } from "../../src/transcript/event.ts";
import { soundOf } from "./fakes.ts";
import { type CallRig, callOf, LIMITS, say, settle, shortly } from "./rig.ts";

const SOUND = soundOf(3000, [{ startMs: 500, endMs: 1500 }]);

/** How a call comes to its end, and what is said of it. */
const ENDS: [string, CallEndReason, (rig: CallRig, t: TestContext) => void, boolean?][] = [
  ["a stop message", "stream_stopped", (rig) => streaming(rig).end("stream_stopped")],
  ["a socket that closes for good", "stream_closed", (rig) => streaming(rig).end("stream_closed"), false],
  [
    "a socket that closes and nothing that follows",
    "stream_closed",
    (rig, t) => {
      streaming(rig).end("stream_closed");
      t.mock.timers.tick(LIMITS.recoverMs);
    },
  ],
  [
    "a call status while the socket hangs",
    "call_status",
    (rig, t) => {
      streaming(rig);
      rig.call.statusEnded("call_status");
      t.mock.timers.tick(LIMITS.statusGraceMs);
    },
  ],
  [
    "a stream status while the socket hangs",
    "stream_status",
    (rig, t) => {
      streaming(rig);
      rig.call.statusEnded("stream_status");
      rig.call.statusEnded("call_status");
      t.mock.timers.tick(LIMITS.statusGraceMs);
    },
  ],
  [
    "a call status and then the socket",
    "call_status",
    (rig) => {
      const stream = streaming(rig);
      rig.call.statusEnded("call_status");
      stream.end("stream_closed");
    },
  ],
  [
    "a call status between two streams",
    "call_status",
    (rig) => {
      streaming(rig).end("stream_closed");
      rig.call.statusEnded("call_status");
    },
  ],
  ["the end of the program", "shutdown", (rig) => void (streaming(rig) && rig.call.end("shutdown"))],
  ["a call status before any stream", "never_streamed", ({ call }) => call.statusEnded("call_status")],
  ["nothing at all", "never_streamed", (_rig, t) => t.mock.timers.tick(LIMITS.streamWaitMs)],
];

function streaming(rig: CallRig) {
  const stream = rig.open();
  say(stream, SOUND);
  return stream;
}

for (const [title, reason, finish, canRecover] of ENDS) {
  test(`${title} ends the call once, after its last final: ${reason}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const rig = callOf({}, canRecover);
    rig.recogniser.holding = true;
    finish(rig, t);
    await settle();
    assert.equal(rig.call.state === "ended" || rig.call.state === "ending", true, rig.call.state);
    for (const { resolve } of rig.recogniser.asked) resolve();
    await settle();
    // Whatever else is told afterwards changes nothing.
    rig.call.statusEnded("call_status");
    rig.call.statusEnded("stream_status");
    t.mock.timers.tick(LIMITS.streamWaitMs);
    await rig.call.end("crash");
    const streamed = reason !== "never_streamed";
    const [ended] = shortly(rig.events).slice(-1);
    assert.equal(ended, `ended: ${reason}, ${streamed ? 3000 : 0} ms, ${streamed ? 1 : 0} finals, 0 gaps`);
    assert.deepEqual(
      rig.events.map(({ type }) => type),
      streamed ? ["call.started", "transcript.final", "call.ended"] : ["call.started", "call.ended"],
    );
    assert.equal(rig.did.ended, 1);
    assert.equal(rig.call.state, "ended");
    assert.equal(rig.call.openStream(rig.clock.now, ["inbound"], {}), null);
  });
}

test("a stream status does not keep a dead socket's call from recovering", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const rig = callOf();
  const stream = streaming(rig);
  rig.call.statusEnded("stream_status");
  stream.end("stream_closed");
  assert.equal(rig.call.state, "suspended");
  assert.equal(rig.did.requested, 1);
  rig.open().end("stream_stopped");
  t.mock.timers.tick(LIMITS.recoverMs);
  await settle();
  assert.match(shortly(rig.events).at(-1) as string, /^ended: stream_stopped/);
});

test("packets and digits after the end of a stream are left out", async () => {
  const rig = callOf();
  const stream = streaming(rig);
  stream.end("stream_stopped");
  say(stream, SOUND, { fromMs: 3000 });
  stream.dtmf("inbound", "1");
  await rig.call.end("stream_stopped");
  assert.match(shortly(rig.events).at(-1) as string, /3000 ms, 1 finals/);
  assert.equal(rig.events.length, 3);
});
