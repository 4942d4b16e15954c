/**
 * The sockets that `bench -- sockets` plays sound into, and what each of them shows when. One more is an entry of `SOCKETS`:
 * for a WebSocket its address, what ends it, and how its messages are read (`WebSocketKind`).
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { PHONE_SAMPLES_PER_MS } from "../src/base/time.ts";
import { replayCall } from "../src/cli/replay/replay.ts";
import { callFromSounds } from "../src/cli/replay/sound-call.ts";
import type { Results } from "../src/deepgram/server-message.ts";
import type { Receiver } from "../test/e2e/receiver.ts";
import type { ShownPartial } from "./server-process.ts";
import type { ShownText } from "./shown.ts";

/** Text of an event. A partial shows words of the finals that have its number, see `LiveSocket.ahead`. */
export interface Told {
  kind: "partial" | "final";
  /** Rising with the finals: of a partial, that of the final which will replace it. */
  utterance: number;
  text: string;
}

export type ToldAt = Told & Pick<ShownText, "at">;

export interface Played {
  /** Unix ms of media time 0: the sound that ends at media time T is sent at this + T. */
  startedAt: number;
  /** In the order in which they came. */
  told: ToldAt[];
}

/** What there is beside the server. */
export interface Surroundings {
  url: string;
  receiver: Receiver;
  /** Partials of calls, as the server tells them. */
  partials: readonly ShownPartial[];
}

export interface LiveSocket {
  name: string;
  /** Later finals that may have words which a partial shows. */
  ahead: number;
  /** @param mulaw - 8 kHz mono, sent in real time. */
  play(mulaw: Uint8Array, surroundings: Surroundings): Promise<Played>;
}

interface WebSocketKind {
  name: string;
  /** Path and query, for mu-law at 8 kHz. */
  address: string;
  /** Sent once all sound was; the server closes then. */
  finish: string;
  /** Reads one message of the socket; a function for each, as a protocol may have to be counted along. */
  reader: () => (message: unknown) => Told | null;
  ahead?: number;
}

const PACKET_MS = 20;
const AUTH_TOKEN = "bench";
const CALL_END_WAIT_MS = 180_000;

const transcribe = (name: string, query: string, ahead = 0): LiveSocket =>
  webSocket({
    name,
    address: `/ws/transcribe?encoding=mulaw&sample_rate=8000${query}`,
    finish: JSON.stringify({ type: "finish" }),
    reader: () => (message) => {
      const { type, utterance, text } = message as { type: string; utterance: number; text: string };
      return type === "partial" || type === "final" ? { kind: type, utterance, text } : null;
    },
    ahead,
  });

/** Interim results show the utterance whose final comes next. */
const listen = webSocket({
  name: "/v1/listen",
  address: "/v1/listen?encoding=mulaw&sample_rate=8000&punctuate=true&interim_results=true",
  finish: JSON.stringify({ type: "CloseStream" }),
  reader: () => {
    let finals = 0;
    return (message) => {
      const { type, is_final, channel } = message as Results;
      if (type !== "Results") return null;
      const told = { utterance: finals, text: channel.alternatives[0]?.transcript ?? "" };
      finals += is_final ? 1 : 0;
      return { kind: is_final ? "final" : "partial", ...told };
    };
  },
});

export const SOCKETS: readonly LiveSocket[] = [
  { name: "media socket of a call", ahead: 0, play: playCall },
  transcribe("/ws/transcribe, vad", ""),
  // What a window holds back is shown by its partials, and told with the final of the next.
  transcribe("/ws/transcribe, fixed", "&chunking=fixed", 1),
  listen,
];

/** A socket that takes binary messages of sound and answers in JSON. */
function webSocket({ name, address, finish, reader, ahead = 0 }: WebSocketKind): LiveSocket {
  return {
    name,
    ahead,
    async play(mulaw, { url }) {
      const socket = new WebSocket(`${url.replace(/^http/, "ws")}${address}`, { perMessageDeflate: false });
      const told: ToldAt[] = [];
      const read = reader();
      socket.on("message", (message) => {
        const said = read(JSON.parse(String(message)));
        if (said) told.push({ ...said, at: Date.now() });
      });
      await once(socket, "open");
      const closed = once(socket, "close");
      const startedAt = Date.now();
      for (let atMs = 0; atMs * PHONE_SAMPLES_PER_MS < mulaw.length; atMs += PACKET_MS) {
        await sleep(Math.max(0, startedAt + atMs + PACKET_MS - Date.now()));
        const from = atMs * PHONE_SAMPLES_PER_MS;
        socket.send(mulaw.subarray(from, from + PACKET_MS * PHONE_SAMPLES_PER_MS));
      }
      socket.send(finish);
      await closed;
      return { startedAt, told };
    },
  };
}

async function playCall(mulaw: Uint8Array, surroundings: Surroundings): Promise<Played> {
  const { url, receiver, partials } = surroundings;
  const call = callFromSounds([mulaw]);
  const report = await replayCall({ voiceUrl: `${url}/twilio/voice`, authToken: AUTH_TOKEN, call, speed: 1 });
  const arrivals = await receiver.ended(report.callSid, CALL_END_WAIT_MS);
  const finals = arrivals.flatMap(({ event, at }) =>
    event.type === "transcript.final"
      ? [{ kind: "final", utterance: event.utterance, text: event.text, at } as const]
      : [],
  );
  const shown = partials
    .filter(({ partial }) => partial.callSid === report.callSid)
    .map(({ partial, at }) => {
      return { kind: "partial", utterance: partial.utterance, text: partial.text, at } as const;
    });
  return { startedAt: report.streams[0]?.startedAt ?? 0, told: [...shown, ...finals] };
}
