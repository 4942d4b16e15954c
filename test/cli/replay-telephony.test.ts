/**
 * Both ends of the wire against each other: the replayer as the carrier, the telephony room as the server.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import express from "express";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { type ReplayOptions, replayCall } from "../../src/cli/replay/replay.ts";
import { loadRecordedCall } from "../../src/cli/replay/sound-call.ts";
import type { NumberEntry } from "../../src/telephony/port.ts";
import { createTelephony } from "../../src/telephony/telephony.ts";
import type { Track } from "../../src/transcript/event.ts";

const AUTH_TOKEN = "0123456789abcdef0123456789abcdef";
const PUBLIC_URL = "https://bridge.example";
const CALLS = fileURLToPath(new URL("../../fixtures/calls", import.meta.url));

interface Heard {
  packets: { track: Track; timestampMs: number; payload: string }[];
  digits: string;
  ends: string[];
  streamStatuses: string[];
  callStatuses: string[];
}

/** Runs `use` against a server whose numbers are all the given entry, and returns what it heard. */
async function heardBy(
  entry: Partial<NumberEntry>,
  use: (voiceUrl: string) => Promise<void>,
): Promise<Heard> {
  const heard: Heard = { packets: [], digits: "", ends: [], streamStatuses: [], callStatuses: [] };
  const number: NumberEntry = {
    number: "*",
    mode: "connect",
    tracks: ["inbound"],
    labels: { inbound: "caller", outbound: "agent" },
    language: "en",
    announcement: "This call is transcribed.",
    then: null,
    overloadMessage: "Please call again.",
    ...entry,
  };
  const telephony = createTelephony({
    port: {
      findNumber: () => number,
      hasCall: () => true,
      admit: () => "accepted",
      callAnswered() {},
      openStream: () => ({
        packet: (track, timestampMs, mulaw) => {
          heard.packets.push({ track, timestampMs, payload: Buffer.from(mulaw).toString("base64") });
        },
        dtmf: (_, digit) => {
          heard.digits += digit;
        },
        end: (reason) => heard.ends.push(reason),
      }),
      streamStatus: (_callSid, _streamSid, event) => heard.streamStatuses.push(event),
      callStatus: (_, status) => heard.callStatuses.push(status),
    },
    keys: () => ({ authTokens: [AUTH_TOKEN], publicUrl: PUBLIC_URL }),
    upgradePolicy: "required",
    tokenKey: new Uint8Array(32).fill(7),
    log: silentLogger,
    counters: new Counters(),
  });
  const server = createServer(express().use(telephony.router));
  const socket = telephony.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/twilio/voice`);
  } finally {
    await socket.close?.();
    server.closeAllConnections();
    server.close();
  }
  return heard;
}

const options = (voiceUrl: string): Omit<ReplayOptions, "call"> => ({
  voiceUrl,
  publicUrl: PUBLIC_URL,
  authToken: AUTH_TOKEN,
  speed: "max",
});

test("every fixture arrives at the telephony room packet for packet, signed and in the recorded order", async () => {
  const cases: [name: string, entry: Partial<NumberEntry>][] = [
    ["greeting-connect", {}],
    ["dtmf-connect", {}],
    ["lossy", {}],
    ["two-track-start", { mode: "start", tracks: ["inbound", "outbound"], then: { dial: "+15550100199" } }],
    ["hold-music", { mode: "start", tracks: ["inbound", "outbound"], then: { client: "agent" } }],
    ["spanish", { mode: "start", language: "es", then: { sip: "sip:agent@example.com" } }],
    ["no-stop", { mode: "start", then: { redirect: "https://elsewhere.example/menu" } }],
  ];
  for (const [name, entry] of cases) {
    const call = await loadRecordedCall(join(CALLS, `${name}.jsonl`));
    const heard = await heardBy(entry, async (voiceUrl) => {
      const report = await replayCall({ ...options(voiceUrl), call });
      assert.deepEqual(
        report.errors.map(({ code }) => code),
        name === "no-stop" ? [31921] : [],
        name,
      );
    });
    const media = [...call.messages].flatMap((message) => (message.kind === "media" ? [message] : []));
    const expected = media.map(({ track, timestampMs, payload }) => ({ track, timestampMs, payload }));
    assert.deepEqual(heard.packets, expected, name);
    assert.equal(heard.digits, name === "dtmf-connect" ? "42#1" : "");
    assert.deepEqual(heard.ends, [name === "no-stop" ? "stream_closed" : "stream_stopped"]);
    const last = name === "no-stop" ? "stream-error" : "stream-stopped";
    assert.deepEqual(heard.streamStatuses, ["stream-started", last], name);
    assert.deepEqual(heard.callStatuses, ["completed"]);
  }
});

test("a carrier with another auth token gets nothing but a refusal", async () => {
  const call = await loadRecordedCall(join(CALLS, "greeting-connect.jsonl"));
  const heard = await heardBy({}, async (voiceUrl) => {
    const report = await replayCall({ ...options(voiceUrl), call, authToken: "wrong" });
    assert.deepEqual(
      report.errors.map(({ code }) => code),
      [11200, 11200],
    );
  });
  assert.equal(heard.packets.length, 0);
});
