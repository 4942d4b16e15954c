import assert from "node:assert/strict";
import { type AddressInfo, connect } from "node:net";
import { afterEach } from "node:test";
import twilio from "twilio";
import { MEDIA_PATH } from "../../src/telephony/address.ts";
import type { TelephonyOptions } from "../../src/telephony/telephony.ts";
import {
  ACCOUNT,
  AUTH_TOKEN,
  Bench,
  CALL,
  type Client,
  connected,
  entryOf,
  mediaMessage,
  networkTest,
  PUBLIC_URL,
  STREAM,
  startMessage,
  stopMessage,
  tokenOf,
} from "./support.ts";

const benches: Bench[] = [];
const START = "+15550101111";
const CONNECT = "+15550103333";

async function setUp(options: Partial<TelephonyOptions> = {}): Promise<Bench> {
  const bench = await Bench.start(options);
  benches.push(bench);
  bench.port.entries.set(START, entryOf());
  bench.port.entries.set(
    CONNECT,
    entryOf({ mode: "connect", tracks: ["inbound"] }, { dial: "+15550104444" }),
  );
  return bench;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.stop()));
});

/** A call whose stream is open. */
async function openStream(bench: Bench, to = START): Promise<Client> {
  const client = bench.dial();
  await client.opened;
  client.send(connected, startMessage(tokenOf(await bench.call(to))));
  await bench.port.until(() => bench.port.sinks.length > 0);
  return client;
}

networkTest(
  "a call streams from webhook to stop: packets and keys arrive, and nothing is ever sent back",
  async () => {
    const bench = await setUp();
    const client = await openStream(bench);
    assert.equal(bench.media.open, 1);
    client.send(mediaMessage(2, 0, [1, 2, 3]), mediaMessage(3, 20, [4]));
    client.send({
      event: "dtmf",
      streamSid: STREAM,
      sequenceNumber: "4",
      dtmf: { track: "inbound_track", digit: "5" },
    });
    client.send(stopMessage(5));
    assert.equal((await client.closed).code, 1000);
    assert.deepEqual(bench.port.streams, [
      {
        callSid: CALL,
        streamSid: STREAM,
        accountSid: ACCOUNT,
        tracks: ["inbound"],
        parameters: { FirstName: "Jane" },
        startedAt: bench.clock.ms,
      },
    ]);
    assert.deepEqual(bench.port.sink.packets, [
      { track: "inbound", timestampMs: 0, bytes: [1, 2, 3] },
      { track: "inbound", timestampMs: 20, bytes: [4] },
    ]);
    assert.deepEqual(bench.port.sink.digits, ["inbound:5"]);
    assert.deepEqual(bench.port.sink.ends, ["stream_stopped"]);
    assert.deepEqual(client.received, []);
    await bench.port.until(() => bench.port.sink.ends.length === 1);
  },
);

networkTest(
  "a start without a good token closes 1008 with a code, and the application hears nothing of it",
  async () => {
    const bench = await setUp();
    const token = tokenOf(await bench.call(START));
    const foreign = tokenOf(await bench.call(START, "CAother"));
    for (const [bad, overrides] of [
      [undefined, {}],
      ["", {}],
      ["guess", {}],
      [foreign, {}],
      [token, { callSid: "CAother" }],
    ] as const) {
      const client = bench.dial();
      await client.opened;
      client.send(connected, startMessage(bad, overrides));
      assert.deepEqual(await client.closed, { code: 1008, reason: "STREAM_BAD_TOKEN" });
    }
    assert.deepEqual(bench.port.streams, []);
  },
);

networkTest("a token is single-use across sockets and expires after five minutes", async () => {
  const bench = await setUp();
  const token = tokenOf(await bench.call(START));
  const [first, second] = [bench.dial(), bench.dial()];
  await Promise.all([first.opened, second.opened]);
  first.send(connected, startMessage(token));
  await bench.port.until(() => bench.port.sinks.length === 1);
  second.send(connected, startMessage(token));
  assert.equal((await second.closed).reason, "STREAM_BAD_TOKEN");

  const stale = tokenOf(await bench.call(START, "CAstale"));
  bench.clock.ms += 5 * 60_000;
  const late = bench.dial();
  await late.opened;
  late.send(connected, startMessage(stale, { callSid: "CAstale" }));
  assert.equal((await late.closed).reason, "STREAM_BAD_TOKEN");
});

networkTest("either token of a retried webhook opens the stream", async () => {
  for (const chosen of [0, 1]) {
    const bench = await setUp();
    const tokens = [tokenOf(await bench.call(START)), tokenOf(await bench.call(START))];
    const client = bench.dial();
    await client.opened;
    client.send(connected, startMessage(tokens[chosen]));
    await bench.port.until(() => bench.port.sinks.length === 1);
  }
});

networkTest(
  "media before start, text that is no JSON, binary, and a second token try each close 1008",
  async () => {
    const bench = await setUp();
    for (const [message, reason] of [
      [mediaMessage(2, 0, [1]), "STREAM_UNEXPECTED"],
      [stopMessage(2), "STREAM_UNEXPECTED"],
      ["{", "STREAM_BAD_MESSAGE"],
      [Buffer.from([1, 2, 3]), "STREAM_BAD_MESSAGE"],
    ] as const) {
      const client = bench.dial();
      await client.opened;
      client.send(connected, message);
      assert.deepEqual(await client.closed, { code: 1008, reason });
    }
    assert.deepEqual(bench.port.streams, []);
  },
);

networkTest("a media format other than mu-law 8000 mono closes 1003", async () => {
  const bench = await setUp();
  const client = bench.dial();
  await client.opened;
  const mediaFormat = { encoding: "audio/x-l16", sampleRate: 16000, channels: 1 };
  client.send(connected, startMessage(tokenOf(await bench.call(START)), { mediaFormat }));
  assert.deepEqual(await client.closed, { code: 1003, reason: "STREAM_UNSUPPORTED_MEDIA" });
});

networkTest(
  "a faulty message within a stream is left out and logged with its code, and what follows still counts",
  async () => {
    const bench = await setUp();
    const client = await openStream(bench);
    client.send(
      mediaMessage(2, 0, [1]),
      { ...mediaMessage(3, 20, [2]), media: { track: "inbound", timestamp: "20", payload: "secret words" } },
      mediaMessage(4, 40, [3], "third"),
      mediaMessage(5, 60, [4], "outbound"),
      startMessage("again"),
      Buffer.from([9]),
      "not json",
      mediaMessage(6, 80, [5]),
    );
    await bench.port.until(() => bench.port.sink.packets.length === 2);
    assert.deepEqual(
      bench.port.sink.packets.map((packet) => packet.timestampMs),
      [0, 80],
    );
    assert.equal(bench.counters.get("stream.messages.faulty"), 6);
    assert.deepEqual(bench.log.codes, ["STREAM_BAD_MESSAGE", "STREAM_BAD_MESSAGE", "STREAM_UNEXPECTED"]);
    assert.doesNotMatch(JSON.stringify(bench.log.lines), /secret/);
    assert.equal(client.socket.readyState, client.socket.OPEN);
  },
);

networkTest("a message over 64 KiB, or one of 65 fragments, ends the socket and not the server", async () => {
  const bench = await setUp();
  const big = await openStream(bench);
  big.send(mediaMessage(2, 0, [1]), "x".repeat(64 * 1024 + 1));
  assert.equal((await big.closed).code, 1009);
  await bench.port.until(() => bench.port.sink.ends.length === 1);
  assert.deepEqual(bench.port.sink.ends, ["stream_closed"]);
  assert.equal(bench.port.sink.packets.length, 1, "what came before is kept");

  const split = bench.dial();
  await split.opened;
  for (let fragment = 0; fragment < 65; fragment++) split.socket.send("x", { fin: false });
  assert.equal((await split.closed).code, 1008);
  assert.match(await bench.call(START, "CAnext"), /<Stream /);
});

networkTest("a socket that dies without stop ends the stream as closed, once", async () => {
  const bench = await setUp();
  const client = await openStream(bench);
  client.socket.terminate();
  await bench.port.until(() => bench.port.sink.ends.length > 0);
  assert.deepEqual(bench.port.sink.ends, ["stream_closed"]);
});

networkTest("a reset during or after the upgrade is no uncaught exception", async () => {
  const bench = await setUp();
  const { port } = bench.server.address() as AddressInfo;
  const upgrade =
    `GET ${MEDIA_PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  for (const request of [upgrade, upgrade.replace(MEDIA_PATH, "/other"), upgrade.replace("13", "12")]) {
    await new Promise<void>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.write(request, () => socket.resetAndDestroy());
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve());
    });
  }
  assert.match(await bench.call(START), /<Stream /);
});

networkTest("an upgrade is refused by a whole HTTP response: other path, query, bad handshake", async () => {
  const bench = await setUp();
  for (const [path, status] of [
    ["/", 404],
    ["/twilio/media2", 404],
    [`${MEDIA_PATH}?token=x`, 400],
  ] as const) {
    const refused = await bench.dial(path).refused;
    assert.equal(refused.status, status);
    assert.equal(JSON.parse(refused.body).code, "REQUEST_MALFORMED");
  }
  const response = await fetchUpgrade(bench, { "Sec-WebSocket-Key": "short" });
  assert.match(response, /^HTTP\/1\.1 400 /);
  await bench.dial(`${MEDIA_PATH}/`).opened;
});

function fetchUpgrade(bench: Bench, headers: Record<string, string>): Promise<string> {
  const { port } = bench.server.address() as AddressInfo;
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1");
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", () => resolve(text));
    const lines = Object.entries({ Host: "x", Connection: "Upgrade", Upgrade: "websocket", ...headers });
    socket.write(
      `GET ${MEDIA_PATH} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
    );
  });
}

networkTest("the signature of an upgrade is checked over the wss URL as the policy says", async () => {
  const signed = (url: string) => ({
    "x-twilio-signature": twilio.getExpectedTwilioSignature(AUTH_TOKEN, url, {}),
  });
  const good = signed(`wss://calls.example.com${MEDIA_PATH}`);
  const slashed = signed(`wss://calls.example.com:443${MEDIA_PATH}/`);
  const bad = signed(`${PUBLIC_URL}${MEDIA_PATH}`);
  for (const [upgradePolicy, headers, passes] of [
    ["required", good, true],
    ["required", slashed, true],
    ["required", bad, false],
    ["required", {}, false],
    ["ifPresent", good, true],
    ["ifPresent", bad, false],
    ["ifPresent", {}, true],
    [undefined, {}, true],
    [undefined, bad, false],
    ["off", bad, true],
  ] as const) {
    const bench = await setUp({ upgradePolicy });
    const client = bench.dial(MEDIA_PATH, headers);
    if (passes) await client.opened;
    else {
      assert.equal((await client.refused).status, 403);
      assert.deepEqual(bench.log.lines.at(-1)?.fields.urlsChecked, [
        `wss://calls.example.com:443${MEDIA_PATH}`,
        `wss://calls.example.com:443${MEDIA_PATH}/`,
      ]);
    }
  }
});

networkTest("a socket without a start is closed after 10 s, not before", async () => {
  const bench = await setUp();
  const client = bench.dial();
  await client.opened;
  client.send(connected);
  bench.tick(9999);
  assert.equal(client.socket.readyState, client.socket.OPEN);
  bench.tick(1);
  assert.deepEqual(await client.closed, { code: 1008, reason: "STREAM_START_TIMEOUT" });
});

networkTest("a stream without a message for 60 s is closed as idle and ends", async () => {
  const bench = await setUp({ limits: { pingMs: 3_600_000 } });
  const client = await openStream(bench);
  bench.tick(59_999);
  assert.equal(client.socket.readyState, client.socket.OPEN);
  client.send(mediaMessage(2, 0, [1]));
  await bench.port.until(() => bench.port.sink.packets.length === 1);
  bench.tick(59_999);
  bench.tick(1);
  assert.deepEqual(await client.closed, { code: 1008, reason: "STREAM_IDLE" });
  await bench.port.until(() => bench.port.sink.ends.length === 1);
});

networkTest("a socket is pinged every 20 s and destroyed after two pings without a pong", async () => {
  const bench = await setUp();
  const client = await openStream(bench);
  let pings = 0;
  let answer = true;
  const pinged: (() => void)[] = [];
  client.socket.on("ping", () => {
    pings += 1;
    for (const resolve of pinged.splice(0)) resolve();
  });
  const nextPing = () => new Promise<void>((resolve) => pinged.push(resolve));
  const { pong } = client.socket;
  client.socket.pong = (...parameters) => {
    if (answer) Reflect.apply(pong, client.socket, parameters);
  };
  for (let round = 1; round <= 3; round++) {
    const ping = nextPing();
    bench.tick(20_000);
    await ping;
    client.send(mediaMessage(round + 1, 0, [1]));
    await bench.port.until(() => bench.port.sink.packets.length === round);
  }
  answer = false;
  for (let round = 4; round <= 5; round++) {
    const ping = nextPing();
    bench.tick(20_000);
    await ping;
    client.send(mediaMessage(round + 1, 0, [1]));
    await bench.port.until(() => bench.port.sink.packets.length === round);
  }
  bench.tick(20_000);
  assert.equal((await client.closed).code, 1006);
  assert.equal(pings, 5);
});

networkTest("a stream of 65 minutes goes on, and ends after four hours", async () => {
  const bench = await setUp({ limits: { pingMs: 100_000_000, idleMs: 100_000_000 } });
  const client = await openStream(bench);
  bench.tick(65 * 60_000);
  client.send(mediaMessage(2, 65 * 60_000, [1]));
  await bench.port.until(() => bench.port.sink.packets.length === 1);
  bench.tick(4 * 3_600_000 - 65 * 60_000);
  assert.equal((await client.closed).code, 1000);
});

networkTest(
  "closing a connect stream from our side lets the call go on with what follows; a stream that died recovers",
  async () => {
    const bench = await setUp();
    const client = await openStream(bench, CONNECT);
    assert.equal(bench.media.closeStream("CAother"), false);
    assert.equal(bench.media.closeStream(CALL), true);
    assert.equal((await client.closed).code, 1000);
    await bench.port.until(() => bench.port.sink.ends.length === 1);
    assert.match(
      await bench.call(CONNECT, CALL, "/twilio/voice?recovery=1"),
      /<Response><Dial>\+15550104444<\/Dial>/,
    );

    const died = await setUp();
    const lost = await openStream(died, CONNECT);
    lost.socket.terminate();
    await died.port.until(() => died.port.sink.ends.length === 1);
    const again = await died.call(CONNECT, CALL, "/twilio/voice?recovery=1");
    const second = died.dial();
    await second.opened;
    second.send(connected, startMessage(tokenOf(again), { streamSid: "MZsecond" }));
    await died.port.until(() => died.port.sinks.length === 2);
    assert.equal(died.port.streams[1]?.streamSid, "MZsecond");
  },
);

networkTest(
  "a stream that the carrier stopped, and that is asked for again, goes on; a new call of the same number streams",
  async () => {
    const bench = await setUp();
    const client = await openStream(bench, CONNECT);
    client.send(stopMessage(2));
    await client.closed;
    assert.match(await bench.call(CONNECT, CALL, "/twilio/voice?recovery=1"), /<Response><Dial>/);
    assert.match(await bench.call(CONNECT), /<Connect>/, "what follows sent the call back to us");
  },
);

networkTest("a call that the application does not know closes 1008", async () => {
  const bench = await setUp();
  bench.port.known = false;
  const client = bench.dial();
  await client.opened;
  client.send(connected, startMessage(tokenOf(await bench.call(START))));
  assert.deepEqual(await client.closed, { code: 1008, reason: "STREAM_UNEXPECTED" });
});

networkTest("a sink that throws closes its own socket with 1011 and no other", async () => {
  const bench = await setUp();
  const client = await openStream(bench);
  const other = bench.dial();
  await other.opened;
  bench.port.sink.failing = true;
  client.send(mediaMessage(2, 0, [1]));
  assert.equal((await client.closed).code, 1011);
  assert.equal(other.socket.readyState, other.socket.OPEN);
});

networkTest(
  "one address holds three unauthenticated sockets where three are allowed; authenticated ones do not count",
  async () => {
    const bench = await setUp({ maximumUnauthenticatedPerAddress: 3 });
    await openStream(bench);
    const clients = [bench.dial(), bench.dial(), bench.dial()];
    await Promise.all(clients.map((client) => client.opened));
    assert.equal((await bench.dial().refused).status, 429);
    clients[0]?.socket.terminate();
    await clients[0]?.closed;
    while (bench.media.open > 3) await new Promise((resolve) => setImmediate(resolve));
    await bench.dial().opened;
  },
);

networkTest("sockets in all are bounded", async () => {
  const bench = await setUp({ maximumSockets: 1 });
  await bench.dial().opened;
  assert.equal((await bench.dial().refused).status, 503);
});

networkTest(
  "closing refuses new sockets, closes every live one with 1001 and resolves when all are gone",
  async () => {
    const bench = await setUp();
    const client = await openStream(bench);
    const silent = bench.dial();
    await silent.opened;
    const closing = bench.media.close();
    assert.equal((await bench.dial().refused).status, 503);
    await closing;
    assert.equal(bench.media.open, 0);
    assert.equal((await client.closed).code, 1001);
    assert.deepEqual(bench.port.sink.ends, ["stream_closed"]);
  },
);

networkTest("no token, digit or full number is in any line of the log", async () => {
  const bench = await setUp();
  const token = tokenOf(await bench.call(START));
  const client = bench.dial();
  await client.opened;
  client.send(connected, startMessage(token));
  client.send({
    event: "dtmf",
    streamSid: STREAM,
    sequenceNumber: "2",
    dtmf: { track: "inbound_track", digit: "#" },
  });
  client.send(stopMessage(3));
  await client.closed;
  const text = JSON.stringify(bench.log.lines);
  for (const secret of [token, "15550101111", "15550109876", '"#"', AUTH_TOKEN]) {
    assert.equal(text.includes(secret), false, secret);
  }
});
