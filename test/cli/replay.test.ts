import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordedCall, RecordedMessage } from "../../src/cli/replay/recorded-call.ts";
import { type ReplayOptions, replayCall } from "../../src/cli/replay/replay.ts";
import type { ReplayReport } from "../../src/cli/replay/report.ts";
import { AUTH_TOKEN, CarrierPeer, type PeerScript, PUBLIC_URL, twimlOf } from "./carrier-peer.ts";

const PAYLOAD = Buffer.alloc(160, 0x55).toString("base64");
const CALL_SID = `CA${"1".repeat(32)}`;

interface Sketch {
  tracks?: RecordedCall["tracks"];
  packets?: number;
  /** A key is pressed after this many packets. */
  keyAfter?: number;
  ending?: RecordedCall["ending"];
}

/** Packets of 20 ms from timestamp 83 on, a start message at 6 ms, like the fixtures. */
function sketch({ tracks = ["inbound"], packets = 5, keyAfter, ending = "stop" }: Sketch = {}): RecordedCall {
  const messages: RecordedMessage[] = [];
  let sequence = 2;
  for (let index = 0; index < packets; index++) {
    const atMs = 6 + 83 + 20 * (index + 1);
    if (index === keyAfter) messages.push({ kind: "dtmf", atMs, sequence: sequence++, digit: "#" });
    for (const track of tracks) {
      const timestampMs = 83 + 20 * index;
      messages.push({
        kind: "media",
        atMs,
        sequence: sequence++,
        track,
        chunk: index + 1,
        timestampMs,
        payload: PAYLOAD,
      });
    }
  }
  return {
    name: "sketch",
    mode: "connect",
    tracks,
    language: "en",
    from: "+15550100123",
    to: "+15550100100",
    description: "",
    startAtMs: 6,
    endAtMs: 6 + 83 + 20 * packets + 20,
    ending,
    messages,
  };
}

async function replay(
  script: PeerScript,
  call: RecordedCall,
  options: Partial<ReplayOptions> = {},
): Promise<{ peer: CarrierPeer; report: ReplayReport }> {
  const peer = new CarrierPeer(script);
  const voiceUrl = await peer.listen();
  try {
    const report = await replayCall({
      voiceUrl,
      publicUrl: PUBLIC_URL,
      authToken: AUTH_TOKEN,
      call,
      speed: "max",
      callSid: CALL_SID,
      ...options,
    });
    return { peer, report };
  } finally {
    await peer.close();
  }
}

/** Makes identifiers that are drawn by chance comparable. */
function plain(message: unknown): unknown {
  return JSON.parse(JSON.stringify(message).replace(/(AC|MZ)[0-9a-f]{32}/g, "$1"));
}

const media = (sequence: number, chunk: number, timestamp: number, track = "inbound", payload = PAYLOAD) => ({
  event: "media",
  sequenceNumber: String(sequence),
  media: { track, chunk: String(chunk), timestamp: String(timestamp), payload },
  streamSid: "MZ",
});

const start = (tracks: string[]) => ({
  event: "start",
  sequenceNumber: "1",
  start: {
    accountSid: "AC",
    streamSid: "MZ",
    callSid: CALL_SID,
    tracks,
    mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
    customParameters: { token: 'a<b&"c"' },
  },
  streamSid: "MZ",
});

const stop = (sequence: number) => ({
  event: "stop",
  sequenceNumber: String(sequence),
  stop: { accountSid: "AC", callSid: CALL_SID },
  streamSid: "MZ",
});

const connected = { event: "connected", protocol: "Call", version: "1.0.0" };

test("a connect call sends the carrier's exact messages, keys among them, in order", async () => {
  const script = { twiml: () => twimlOf({ mode: "connect", query: "?secret=1" }) };
  const { peer, report } = await replay(script, sketch({ packets: 3, keyAfter: 2 }));
  const [socket] = peer.sockets;
  assert.deepEqual(socket?.messages.map(plain), [
    connected,
    start(["inbound"]),
    media(2, 1, 83),
    media(3, 2, 103),
    { event: "dtmf", streamSid: "MZ", sequenceNumber: "4", dtmf: { track: "inbound_track", digit: "#" } },
    media(5, 3, 123),
    stop(6),
  ]);
  assert.equal(socket?.url, "/twilio/media", "the carrier strips the query");
  assert.equal(socket?.closeCode, 1000);
  assert.deepEqual(report.errors, []);
  assert.equal(report.packets, 3);
  assert.equal(report.mode, "connect");
  assert.deepEqual(report.verbs, ["Connect"]);
  assert.deepEqual(report.streams[0]?.end, { by: "carrier", code: 1000 });
  assert.ok((report.mediaStartedAt ?? 0) <= report.endedAt);
});

test("webhook, upgrade and callbacks are signed over the public URL and carry the carrier's fields", async () => {
  const { peer } = await replay({ twiml: () => twimlOf({ mode: "connect" }) }, sketch());
  assert.ok(peer.sockets.every(({ isSigned }) => isSigned));
  assert.deepEqual(
    peer.posted.map(({ path, isSigned }) => [path, isSigned]),
    [
      ["/twilio/voice", true],
      ["/twilio/stream", true],
      ["/twilio/stream", true],
      ["/twilio/status", true],
    ],
  );
  assert.deepEqual(peer.streamEvents, ["stream-started", "stream-stopped"]);
  const [voice, started, , status] = peer.posted.map(({ form }) => form);
  assert.equal(voice?.CallSid, CALL_SID);
  assert.equal(voice?.CallStatus, "ringing");
  assert.equal(voice?.To, "+15550100100");
  assert.equal(started?.StreamName, "main");
  assert.match(started?.StreamSid ?? "", /^MZ[0-9a-f]{32}$/);
  assert.match(started?.Timestamp ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.equal(status?.CallStatus, "completed");
  assert.equal(status?.CallDuration, "1");
});

test("a wrong token makes wrong signatures", async () => {
  const { peer } = await replay({ twiml: () => twimlOf({ mode: "connect" }) }, sketch(), {
    authToken: "other",
  });
  assert.ok(peer.posted.every(({ isSigned }) => !isSigned));
  assert.ok(peer.sockets.every(({ isSigned }) => !isSigned));
});

test("a start call leaves keys out and numbers what is left without holes", async () => {
  const twiml = () => twimlOf({ mode: "start", track: "both_tracks", next: "<Dial>+15550100199</Dial>" });
  const { peer, report } = await replay(
    { twiml },
    sketch({ tracks: ["inbound", "outbound"], packets: 2, keyAfter: 1 }),
  );
  assert.deepEqual(peer.sockets[0]?.messages.map(plain), [
    connected,
    start(["inbound", "outbound"]),
    media(2, 1, 83),
    media(3, 1, 83, "outbound"),
    media(4, 2, 103),
    media(5, 2, 103, "outbound"),
    stop(6),
  ]);
  assert.deepEqual(report.verbs, ["Start", "Dial"]);
  assert.equal(report.mode, "start");
});

test("only the track that the TwiML asks for is sent", async () => {
  const twiml = () => twimlOf({ mode: "start", track: "outbound_track", next: "<Dial/>" });
  const { peer } = await replay({ twiml }, sketch({ tracks: ["inbound", "outbound"], packets: 2 }));
  assert.deepEqual(peer.sockets[0]?.messages.map(plain), [
    connected,
    start(["outbound"]),
    media(2, 1, 83, "outbound"),
    media(3, 2, 103, "outbound"),
    stop(4),
  ]);
});

test("a track that is asked for and was not recorded is silent", async () => {
  const twiml = () => twimlOf({ mode: "start", track: "both_tracks", next: "<Dial/>" });
  const { peer } = await replay({ twiml }, sketch({ packets: 2 }));
  const silence = Buffer.alloc(160, 0xff).toString("base64");
  assert.deepEqual(peer.sockets[0]?.messages.slice(2, -1).map(plain), [
    media(2, 1, 83),
    media(3, 1, 83, "outbound", silence),
    media(4, 2, 103),
    media(5, 2, 103, "outbound", silence),
  ]);
});

test("a start stream without a following verb ends with the call at once", async () => {
  const { peer, report } = await replay({ twiml: () => twimlOf({ mode: "start" }) }, sketch());
  assert.deepEqual(peer.sockets[0]?.messages.map(plain), [connected, start(["inbound"]), stop(2)]);
  assert.equal(report.packets, 0);
});

test("a pause after a start stream lets that much of the call through, then hangs up", async () => {
  const twiml = () => twimlOf({ mode: "start", next: '<Pause length="1"/>' });
  const { report } = await replay({ twiml }, sketch({ packets: 100 }));
  // Packets are sent from 109 ms on, every 20 ms, and the call begins at 6 ms.
  assert.equal(report.packets, 45);
});

test("a pause before the stream uses up nothing of the recording", async () => {
  const twiml = () => twimlOf({ mode: "connect", before: '<Say>Recorded.</Say><Pause length="9"/>' });
  const { report } = await replay({ twiml }, sketch({ packets: 7 }));
  assert.equal(report.packets, 7);
  assert.deepEqual(report.verbs, ["Say", "Pause", "Connect"]);
});

test("any message from the server on a start stream is error 31924, ends it, and it is not dialled again", async () => {
  const twiml = () => twimlOf({ mode: "start", next: "<Dial/>" });
  const onMessage: PeerScript["onMessage"] = (socket, count) => {
    if (count === 3)
      for (let again = 0; again < 3; again++) socket.send('{"event":"clear","streamSid":"MZ"}');
  };
  const { peer, report } = await replay({ twiml, onMessage }, sketch({ packets: 2000 }));
  assert.deepEqual(
    report.errors.map(({ code }) => code),
    [31924],
  );
  assert.equal(peer.sockets.length, 1);
  assert.deepEqual(peer.streamEvents, ["stream-started", "stream-error"]);
  assert.ok(report.packets < 2000);
  assert.equal(peer.posted.at(-1)?.form.CallStatus, "completed", "the call itself goes on to its end");
});

test("a message right behind the handshake of a start stream is error 31924 as well", async () => {
  const twiml = () => twimlOf({ mode: "start", next: "<Dial/>" });
  const { report } = await replay(
    { twiml, onOpen: (socket) => socket.send("hello") },
    sketch({ packets: 2000 }),
  );
  assert.deepEqual(
    report.errors.map(({ code }) => code),
    [31924],
  );
});

test("on a connect stream the server may speak; what is no message of the protocol is error 31950", async () => {
  const onMessage: PeerScript["onMessage"] = (socket, count) => {
    if (count === 2) socket.send('{"event":"mark","streamSid":"MZ","mark":{"name":"a"}}');
    if (count === 3) socket.send("nonsense");
  };
  const { report } = await replay(
    { twiml: () => twimlOf({ mode: "connect" }), onMessage },
    sketch({ packets: 300 }),
  );
  assert.deepEqual(
    report.errors.map(({ code }) => code),
    [31950],
  );
  assert.equal(report.packets, 300);
});

test("when the server closes a connect stream the following redirect is fetched, and the new stream counts anew", async () => {
  const redirect = `<Redirect method="POST">${PUBLIC_URL}/twilio/voice?recovery=1</Redirect>`;
  const twiml = (count: number) => twimlOf({ mode: "connect", next: count === 0 ? redirect : "" });
  const onMessage: PeerScript["onMessage"] = (socket, count, index) => {
    if (index === 0 && count === 10) socket.close(1011);
  };
  const packets = 3000;
  const { peer, report } = await replay({ twiml, onMessage }, sketch({ packets }));
  assert.deepEqual(report.verbs, ["Connect", "Redirect", "Connect"]);
  assert.equal(peer.sockets.length, 2);
  assert.deepEqual(peer.streamEvents, ["stream-started", "stream-error", "stream-started", "stream-stopped"]);
  const redirected = peer.posted.filter(({ path }) => path === "/twilio/voice")[1];
  assert.equal(redirected?.form.CallStatus, "in-progress");
  assert.equal(redirected?.isSigned, true, "signed over the URL with its query");
  const [first, second] = report.streams;
  assert.notEqual(first?.streamSid, second?.streamSid);
  assert.deepEqual(first?.end, { by: "server", code: 1011 });
  assert.ok((second?.packets ?? 0) > 0);
  const messages = peer.sockets[1]?.messages.map(plain) as ReturnType<typeof media>[];
  assert.equal(messages[2]?.sequenceNumber, "2");
  assert.equal(messages[2]?.media.chunk, "1");
  // The next packet is sent 20 ms after the last one, and holds the 20 ms in between.
  assert.equal(messages[2]?.media.timestamp, "0");
  assert.equal(messages[3]?.media.timestamp, "20");
  assert.ok(report.packets <= packets);
});

test("a call that dies without stop breaks its socket and tells stream-error", async () => {
  const twiml = () => twimlOf({ mode: "start", next: "<Dial/>" });
  const { peer, report } = await replay({ twiml }, sketch({ packets: 4, ending: "drop" }));
  assert.deepEqual(peer.sockets[0]?.messages.at(-1)?.event, "media");
  assert.equal(peer.sockets[0]?.closeCode, 1006);
  assert.deepEqual(peer.streamEvents, ["stream-started", "stream-error"]);
  assert.deepEqual(
    report.errors.map(({ code }) => code),
    [31921],
  );
});

test("an upgrade that is answered 403 is error 31920, and a start call goes on without its stream", async () => {
  const twiml = () => twimlOf({ mode: "start", next: "<Dial/>" });
  const { peer, report } = await replay({ twiml, refuseWith: 403 }, sketch());
  assert.deepEqual(
    report.errors.map(({ code, message }) => [code, message]),
    [[31920, "WebSocket handshake answered 403, expected 101"]],
  );
  assert.deepEqual(peer.streamEvents, ["stream-error"]);
  assert.deepEqual(report.verbs, ["Start", "Dial"]);
});

test("a stream URL without TLS is refused when the server is public", async () => {
  const twiml = () => twimlOf({ mode: "connect" }).replace("wss://", "ws://");
  const { report } = await replay({ twiml }, sketch());
  assert.equal(report.errors[0]?.code, 31920);
});

test("documents that the carrier would not take end the call with its error code", async () => {
  const cases: [script: Partial<PeerScript>, code: number][] = [
    [{ twiml: () => "<Response><Connect>" }, 12100],
    [{ twiml: () => "<Other/>" }, 12100],
    [{ twiml: () => "<Response><Sing/></Response>" }, 12200],
    [{ twiml: () => twimlOf({ mode: "connect", track: "both_tracks" }) }, 31941],
    [{ twiml: () => twimlOf({ mode: "connect" }), voiceType: "application/json" }, 12300],
  ];
  for (const [script, code] of cases) {
    const { report } = await replay({ twiml: () => "", ...script }, sketch());
    assert.deepEqual(
      report.errors.map((error) => error.code),
      [code],
    );
  }
});

test("a server that is not there is error 11200, and nothing is thrown", async () => {
  const peer = new CarrierPeer({ twiml: () => "" });
  const voiceUrl = await peer.listen();
  await peer.close();
  const report = await replayCall({ voiceUrl, authToken: AUTH_TOKEN, call: sketch(), speed: "max" });
  assert.deepEqual(
    report.errors.map(({ code }) => code),
    [11200, 11200],
  );
  assert.equal(report.mode, null);
});

test("a redirect to somebody else is not fetched, and the call lasts to its end", async () => {
  const twiml = () => twimlOf({ mode: "start", next: "<Redirect>https://elsewhere.example/menu</Redirect>" });
  const { peer, report } = await replay({ twiml }, sketch({ packets: 6 }));
  assert.equal(report.packets, 6);
  assert.equal(peer.posted.filter(({ path }) => path === "/twilio/voice").length, 1);
});

test("a rejected call opens no stream and ends busy", async () => {
  const { peer, report } = await replay({ twiml: () => "<Response><Reject/></Response>" }, sketch());
  assert.equal(report.streams.length, 0);
  assert.equal(peer.posted.at(-1)?.form.CallStatus, "busy");
});

test("at max the replay waits while the server has more than 10 s to process", async () => {
  let asked = 0;
  let seenWhileFull = 0;
  const peerMessages = { count: 0 };
  const healthz = () => {
    asked += 1;
    if (asked > 1 && asked <= 4) {
      seenWhileFull = Math.max(seenWhileFull, peerMessages.count);
      return { backlogMs: 10_001 };
    }
    return { backlogMs: 10_000 };
  };
  const onMessage = (_: unknown, count: number) => {
    peerMessages.count = count;
  };
  const { report } = await replay(
    { twiml: () => twimlOf({ mode: "connect" }), healthz, onMessage },
    sketch({ packets: 500 }),
  );
  assert.equal(report.packets, 500);
  assert.ok(asked >= 7, `10 s of media are asked about every 2 s; asked ${asked} times`);
  assert.ok(
    seenWhileFull <= 105,
    `nothing is sent while the server is full; it had ${seenWhileFull} messages`,
  );
});

test("at a speed, a call takes its time divided by the speed", async () => {
  const at = performance.now();
  await replay({ twiml: () => twimlOf({ mode: "connect" }) }, sketch({ packets: 100 }), { speed: 10 });
  assert.ok(performance.now() - at >= 200, "2 s at ten times the speed");
});

test("an aborted replay breaks its sockets, tells the server nothing and does not throw", async () => {
  const abort = new AbortController();
  const onMessage: PeerScript["onMessage"] = (_, count) => {
    if (count === 4) abort.abort();
  };
  const { peer, report } = await replay(
    { twiml: () => twimlOf({ mode: "connect" }), onMessage },
    sketch({ packets: 1000 }),
    { speed: 1, signal: abort.signal },
  );
  assert.equal(report.aborted, true);
  assert.ok(report.packets < 100);
  assert.deepEqual(peer.streamEvents.slice(1), []);
  assert.equal(peer.posted.filter(({ path }) => path === "/twilio/status").length, 0);
});

test("a speed that is none is refused", async () => {
  for (const speed of [0, -1, Number.NaN, Infinity]) {
    await assert.rejects(
      replayCall({ voiceUrl: "http://127.0.0.1:1/", authToken: "x", call: sketch(), speed }),
      RangeError,
    );
  }
});
