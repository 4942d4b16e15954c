/**
 * What one event loop carries: N live tracks over real media sockets into the real server in a process of its own, with
 * nobody who infers. `npm run bench -- tracks [CALLS]`, for example `tracks 50,100,200`; a call has two tracks.
 *
 * Counted is the processor time of the server's main thread, so that neighbours and the carrier's side do not count: HTTP,
 * WebSocket, JSON, base64, mu-law, timeline, 16 kHz, frames to and from speech detection, utterances, partials, events in
 * the store. Not in it: samples on their way to a recogniser, webhooks, TLS (that is the proxy's). "Loop in use" is wall
 * time and has the waits for the disk in it, one for each commit; `TMPDIR=/dev/shm` puts the store where there are none.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { parseWav } from "../src/audio/wav.ts";
import { asMulaw } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import type { TracksFigures, TracksServerSettings } from "./tracks-server.ts";
import { machineName } from "./yardstick.ts";

const CALLS = "25,50,100,200";
/** Frames of 280 that are speech. */
const LOADS = { silent: 0, "45 % speech": 126 };
const SECONDS = 10;
const SETTLE_MS = 1500;
/** Packets that must have been taken for a number of tracks to count as carried. */
const CARRIED = 0.97;
const PACKET_MS = 20;
const PACKET_BYTES = 160;
const PACKETS_PER_SECOND = 1000 / PACKET_MS;
const TRACKS = ["inbound", "outbound"];
const NUMBER = "+15550100200";
const CLIP = path.resolve(import.meta.dirname, "../fixtures/speech/phone/asterisk-en-vm-opts.wav");

interface Row {
  load: string;
  tracks: number;
  /** Null when the loop was too full to say. */
  packetUs: number | null;
  /** Nearly all packets were taken while they came. */
  carried: boolean;
  /** Part of a core that the main thread used, 0..1. */
  main: number;
  rssKb: number;
}

export async function run(args: string[], { json }: BenchOptions): Promise<void> {
  const counts = (args[0] ?? CALLS).split(",").map(Number);
  const payloads = payloadsOf(CLIP);
  console.log(
    `${machineName()}; a packet is ${PACKET_MS} ms of one track, ${PACKETS_PER_SECOND} come each second`,
  );
  const rows: Row[] = [];
  for (const [load, speechFrames] of Object.entries(LOADS)) {
    console.log(`\n${load}`);
    const own: Row[] = [];
    for (const calls of counts) {
      const row = await measure(load, speechFrames, calls, payloads);
      if (row.packetUs !== null) own.push(row);
      if (!row.carried) break;
    }
    rows.push(...own);
    console.log(arithmeticOf(own));
  }
  if (json) console.log(JSON.stringify({ rows }));
}

/** What a whole core carries. Too many tracks make packets cheap, for each turn of the loop finds more: such rows do not count. */
export function arithmeticOf(rows: readonly Pick<Row, "packetUs" | "carried">[]): string {
  const us = Math.min(...rows.map(({ packetUs, carried }) => (carried ? packetUs : null) ?? Infinity));
  const isKnown = us < Infinity;
  const full = Math.round(1e6 / us / PACKETS_PER_SECOND);
  const [packet, most, comfortable] = [us.toFixed(0), full, Math.round(full * 0.7)].map((value) =>
    isKnown ? `${value}` : "-",
  );
  return (
    `by arithmetic, at ${packet} us a packet where all tracks were carried: a whole core is full with ${most} tracks, ` +
    `and 70 % in use with ${comfortable}`
  );
}

/** The packets of a recording, in base64. */
function payloadsOf(file: string): string[] {
  const mulaw = asMulaw(parseWav(readFileSync(file)).channels[0] as Float32Array);
  return Array.from({ length: Math.floor(mulaw.length / PACKET_BYTES) }, (_, index) =>
    Buffer.from(mulaw.subarray(index * PACKET_BYTES, (index + 1) * PACKET_BYTES)).toString("base64"),
  );
}

async function measure(load: string, speechFrames: number, calls: number, payloads: string[]): Promise<Row> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-tracks-"));
  const number = { number: NUMBER, mode: "start", tracks: TRACKS, then: { dial: "+15550109999" } };
  const settings = {
    ...{ insecure: true, host: "127.0.0.1", port: 0, numbers: [number] },
    ...{ store: { path: path.join(folder, "linescribe.db") }, limits: { calls: 10_000 } },
  };
  const { child, url } = await startTracksServer({ settings, speechFrames });
  try {
    const carrier = new Carrier(url, payloads);
    for (let call = 0; call < calls; call++) await carrier.dial(call, (call / calls) * PACKET_MS);
    const playing = carrier.play(SETTLE_MS + SECONDS * 1000);
    await sleep(SETTLE_MS);
    child.send("begin");
    await sleep(SECONDS * 1000 - 200);
    const figures = once(child, "message") as Promise<[TracksFigures]>;
    child.send("end");
    const [told] = await figures;
    await playing;
    return print(load, calls * TRACKS.length, told);
  } finally {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(load: string, tracks: number, figures: TracksFigures): Row {
  const { mainMs, wallMs, rssKb, messages, finals, partials, gaps, loopShare, loopP99Ms } = figures;
  const packetUs = messages > 0 ? (mainMs * 1000) / messages : null;
  const main = mainMs / wallMs;
  const carried = messages / (wallMs / 1000) >= CARRIED * PACKETS_PER_SECOND * tracks;
  const perSecond = (count: number): string => (count / (wallMs / 1000)).toFixed(0);
  console.log(
    `${String(tracks).padStart(5)} tracks  ${perSecond(messages).padStart(6)} packets/s  main thread ${(100 * main).toFixed(0).padStart(3)} % ` +
      `= ${packetUs?.toFixed(1)} us a packet  loop in use ${(100 * loopShare).toFixed(0)} %, p99 ${loopP99Ms.toFixed(0)} ms  memory ${Math.round(rssKb / 1024)} MB  ` +
      `each second ${perSecond(finals)} finals, ${perSecond(partials)} partials${gaps > 0 ? `  ${gaps} GAPS` : ""}${carried ? "" : "  not carried"}`,
  );
  return { load, tracks, packetUs, carried, main, rssKb };
}

async function startTracksServer(
  options: TracksServerSettings,
): Promise<{ child: ChildProcess; url: string }> {
  const entry = path.join(import.meta.dirname, "tracks-server.ts");
  const child = spawn(process.execPath, ["--import", "tsx", entry, JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [{ url }] = (await once(child, "message")) as [{ url: string }];
  return { child, url };
}

interface LiveCall {
  socket: WebSocket;
  streamSid: string;
  dueMs: number;
  packets: number;
}

/** Many callers in one thread: webhooks one by one, then a packet of each track of each call every 20 ms. */
class Carrier {
  readonly #url: string;
  readonly #payloads: readonly string[];
  readonly #calls: LiveCall[] = [];

  constructor(url: string, payloads: readonly string[]) {
    this.#url = url;
    this.#payloads = payloads;
  }

  /** @param phaseMs - When its packets come within 20 ms. */
  async dial(index: number, phaseMs: number): Promise<void> {
    const id = String(index).padStart(32, "0");
    const [callSid, streamSid, accountSid] = [`CA${id}`, `MZ${id}`, `AC${"0".repeat(32)}`];
    const form = new URLSearchParams({
      ...{ CallSid: callSid, AccountSid: accountSid, From: "+15550100199", To: NUMBER },
    });
    const twiml = await (await fetch(`${this.#url}/twilio/voice`, { method: "POST", body: form })).text();
    const [, media] = /<Stream[^>]* url="([^"]+)"/.exec(twiml) ?? [];
    const [, token] = /name="token" value="([^"]+)"/.exec(twiml) ?? [];
    if (media === undefined || token === undefined) throw new Error(`call ${index} was offered no stream`);
    const socket = new WebSocket(media, { perMessageDeflate: false });
    await once(socket, "open");
    const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 };
    const customParameters = { token };
    const start = { accountSid, streamSid, callSid, tracks: TRACKS, mediaFormat, customParameters };
    socket.send(JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }));
    socket.send(JSON.stringify({ event: "start", sequenceNumber: "1", start, streamSid }));
    socket.on("error", () => {});
    this.#calls.push({ socket, streamSid, dueMs: phaseMs, packets: 0 });
  }

  /** Speaks for so long and hangs up by breaking off. */
  async play(durationMs: number): Promise<void> {
    const startedAt = performance.now();
    for (let now = 0; now < durationMs; now = performance.now() - startedAt) {
      for (const call of this.#calls) {
        if (call.dueMs > now) continue;
        this.#send(call);
        call.dueMs += PACKET_MS;
      }
      await sleep(1);
    }
    for (const { socket } of this.#calls) socket.terminate();
  }

  #send(call: LiveCall): void {
    const { socket, streamSid } = call;
    const payload = this.#payloads[call.packets % this.#payloads.length];
    for (const [index, track] of TRACKS.entries()) {
      const sequence = 2 + TRACKS.length * call.packets + index;
      socket.send(
        `{"event":"media","sequenceNumber":"${sequence}","media":{"track":"${track}","chunk":"${call.packets + 1}",` +
          `"timestamp":"${call.packets * PACKET_MS}","payload":"${payload}"},"streamSid":"${streamSid}"}`,
      );
    }
    call.packets += 1;
  }
}
