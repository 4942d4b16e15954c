import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Counters } from "../../src/base/counters.ts";
import { FAULTS_MAXIMUM, MediaStream, type StreamEffect } from "../../src/telephony/stream.ts";
import type { TokenFault } from "../../src/telephony/token.ts";
import { ACCOUNT, CALL, connected, mediaMessage, STREAM, startMessage, stopMessage } from "./support.ts";

function setUp(fault: TokenFault | null = null) {
  const counters = new Counters();
  const redeemed: unknown[] = [];
  const stream = new MediaStream({
    redeem: (callSid, token) => {
      redeemed.push([callSid, token]);
      return fault;
    },
    now: () => 1234,
    counters,
  });
  const send = (message: unknown): StreamEffect => stream.receive(JSON.stringify(message));
  return { stream, counters, redeemed, send };
}

function openStream(overrides: Record<string, unknown> = {}) {
  const bench = setUp();
  bench.send(connected);
  bench.send(startMessage("t", overrides));
  assert.equal(bench.stream.state, "streaming");
  return bench;
}

/** `kind` or `kind CODE` of an effect. */
function kindOf(effect: StreamEffect): string {
  if (effect === null) return "-";
  return "error" in effect ? `${effect.kind} ${effect.error.code}` : effect.kind;
}

const dtmf = {
  event: "dtmf",
  streamSid: STREAM,
  sequenceNumber: "5",
  dtmf: { track: "inbound_track", digit: "#" },
};
const mark = { event: "mark", streamSid: STREAM, sequenceNumber: "5", mark: { name: "x" } };
const unknown = { event: "video" };

test("a stream opens with the custom parameters but not the token, carries packets and keys, and stops", () => {
  const { send, redeemed, stream } = setUp();
  assert.equal(send(connected), null);
  assert.deepEqual(send(startMessage("t")), {
    kind: "open",
    stream: {
      callSid: CALL,
      streamSid: STREAM,
      accountSid: ACCOUNT,
      tracks: ["inbound"],
      parameters: { FirstName: "Jane" },
      startedAt: 1234,
    },
  });
  assert.deepEqual(redeemed, [[CALL, "t"]]);
  assert.deepEqual(send(mediaMessage(2, 20, [1, 2])), {
    kind: "packet",
    track: "inbound",
    timestampMs: 20,
    mulaw: Buffer.from([1, 2]),
  });
  assert.deepEqual(send(dtmf), { kind: "dtmf", track: "inbound", digit: "#" });
  assert.deepEqual(send(stopMessage(6)), { kind: "end", reason: "stream_stopped" });
  assert.equal(stream.closed(), null, "the end is told once");
});

test("in each state each message has the effect that the table says", () => {
  const rows: [string, unknown, string, string, string][] = [
    // message, before start, while streaming, after stop
    ["connected", connected, "-", "fault STREAM_UNEXPECTED", "-"],
    ["start", startMessage("t"), "open", "fault STREAM_UNEXPECTED", "-"],
    ["media", mediaMessage(2, 0, [1]), "refuse STREAM_UNEXPECTED", "packet", "-"],
    ["dtmf", dtmf, "refuse STREAM_UNEXPECTED", "dtmf", "-"],
    ["mark", mark, "refuse STREAM_UNEXPECTED", "-", "-"],
    ["stop", stopMessage(3), "refuse STREAM_UNEXPECTED", "end", "-"],
    ["malformed", { event: "media" }, "refuse STREAM_BAD_MESSAGE", "fault STREAM_BAD_MESSAGE", "-"],
    ["unknown", unknown, "-", "-", "-"],
  ];
  for (const [name, message, awaiting, streaming, ended] of rows) {
    assert.equal(kindOf(setUp().send(message)), awaiting, `${name} before start`);
    assert.equal(kindOf(openStream().send(message)), streaming, `${name} while streaming`);
    const { send } = openStream();
    send(stopMessage(2));
    assert.equal(kindOf(send(message)), ended, `${name} after stop`);
  }
  assert.equal(kindOf(setUp().stream.receiveBinary()), "refuse STREAM_BAD_MESSAGE");
  assert.equal(kindOf(openStream().stream.receiveBinary()), "fault STREAM_BAD_MESSAGE");
});

test("a bad token opens nothing, and the stream takes no second try", () => {
  for (const fault of ["missing", "malformed", "wrong", "expired", "used"] as const) {
    const { send, stream, counters } = setUp(fault);
    assert.equal(kindOf(send(startMessage("t"))), "refuse STREAM_BAD_TOKEN");
    assert.equal(counters.get(`stream.token.${fault}`), 1);
    assert.equal(send(startMessage("t")), null);
    assert.equal(stream.closed(), null, "what never opened does not end");
  }
});

test("a media format other than mu-law 8000 Hz mono is refused and leaves the token unused", () => {
  const formats = [
    { encoding: "audio/x-alaw", sampleRate: 8000, channels: 1 },
    { encoding: "audio/x-l16", sampleRate: 8000, channels: 1 },
    { encoding: "audio/x-mulaw", sampleRate: 16000, channels: 1 },
    { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 2 },
  ];
  for (const mediaFormat of formats) {
    const { send, redeemed } = setUp();
    assert.equal(kindOf(send(startMessage("t", { mediaFormat }))), "refuse STREAM_UNSUPPORTED_MEDIA");
    assert.deepEqual(redeemed, []);
  }
  const asStrings = { encoding: "audio/x-mulaw", sampleRate: "8000", channels: "1" };
  assert.equal(kindOf(setUp().send(startMessage("t", { mediaFormat: asStrings }))), "open");
});

test("a packet of a track that start did not announce, or of another stream, is left out", () => {
  const { send } = openStream();
  assert.equal(kindOf(send(mediaMessage(2, 0, [1], "outbound"))), "fault STREAM_UNEXPECTED");
  assert.equal(kindOf(send({ ...mediaMessage(2, 0, [1]), streamSid: "MZother" })), "fault STREAM_UNEXPECTED");
  const { streamSid: _, ...withoutSid } = mediaMessage(3, 0, [1]);
  assert.equal(kindOf(send(withoutSid)), "packet", "some dialects leave the streamSid out");
});

test("two tracks stay apart", () => {
  const { send } = openStream({ tracks: ["inbound", "outbound"] });
  const tracks = [mediaMessage(2, 0, [1], "outbound"), mediaMessage(3, 0, [2], "inbound")].map((message) => {
    const effect = send(message);
    return effect?.kind === "packet" ? [effect.track, ...effect.mulaw] : null;
  });
  assert.deepEqual(tracks, [
    ["outbound", 1],
    ["inbound", 2],
  ]);
});

test("a stream of faults is refused at its 51st, and ends", () => {
  const { stream, send } = openStream();
  for (let fault = 1; fault <= FAULTS_MAXIMUM; fault++) {
    assert.equal(kindOf(stream.receive("x")), "fault STREAM_BAD_MESSAGE");
  }
  assert.equal(kindOf(send(mediaMessage(2, 0, [1]))), "packet", "good packets between faults count");
  assert.equal(kindOf(stream.receive("x")), "refuse STREAM_BAD_MESSAGE");
  assert.equal(send(mediaMessage(3, 0, [1])), null);
  assert.deepEqual(stream.closed(), { kind: "end", reason: "stream_closed" });
});

test("a peer that talks before start without starting is refused at its 11th message", () => {
  const { send } = setUp();
  for (let message = 1; message <= 10; message++) assert.equal(send(unknown), null);
  assert.equal(kindOf(send(unknown)), "refuse STREAM_UNEXPECTED");
});

test("a socket that closes without stop ends the stream as closed, once", () => {
  const { stream } = openStream();
  assert.deepEqual(stream.closed(), { kind: "end", reason: "stream_closed" });
  assert.equal(stream.closed(), null);
});

test("missing and repeated sequence numbers are counted, whatever number the first message has", () => {
  const { send, counters } = openStream();
  for (const sequence of [3, 4, 8, 8, 7, 9]) send(mediaMessage(sequence, 0, [1]));
  assert.equal(counters.get("stream.sequence.missing"), 1 + 3);
  assert.equal(counters.get("stream.sequence.repeated"), 2);
});

test("an empty payload is no packet", () => {
  const { send, counters } = openStream();
  assert.equal(send(mediaMessage(2, 0, [])), null);
  assert.equal(counters.get("stream.packets.empty"), 1);
});

test("in any order of messages a stream opens at most once, ends exactly once if it opened, and carries only in between", () => {
  const messages = [
    connected,
    startMessage("t"),
    mediaMessage(2, 0, [1]),
    dtmf,
    mark,
    stopMessage(3),
    unknown,
    { event: "media" },
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...messages), { maxLength: 80 }), (sent) => {
      const { send, stream } = setUp();
      const kinds = [...sent.map(send), stream.closed(), stream.closed()].map((effect) => effect?.kind);
      const opens = kinds.filter((kind) => kind === "open").length;
      assert.ok(opens <= 1);
      assert.equal(kinds.filter((kind) => kind === "end").length, opens);
      for (const [index, kind] of kinds.entries()) {
        if (kind !== "packet" && kind !== "dtmf") continue;
        assert.ok(kinds.indexOf("open") < index && index < kinds.indexOf("end"));
      }
    }),
    { numRuns: 1000 },
  );
});
