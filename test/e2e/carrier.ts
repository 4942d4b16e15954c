/**
 * A carrier whose every message the test writes itself, good or bad.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import twilio from "twilio";
import { WebSocket } from "ws";
import { encodeMulaw } from "../../src/audio/g711.ts";
import { f32ToS16 } from "../../src/audio/sample.ts";
import { parseWav } from "../../src/audio/wav.ts";
import { AUTH_TOKEN } from "./rig.ts";

const PUBLIC_URL = "https://calls.example.com";
const PACKET_BYTES = 160;
const ACCOUNT = `AC${"2".repeat(32)}`;

export const sid = (prefix: "CA" | "MZ"): string => prefix + randomBytes(16).toString("hex");

/** A clip of the fixtures as mu-law, with half a second of silence on either side, which a live phone line has too. */
export function clipOf(id: string): Uint8Array {
  const file = path.resolve(import.meta.dirname, "../../fixtures/speech/phone", `${id}.wav`);
  const pcm = parseWav(readFileSync(file)).channels[0] as Float32Array;
  const padded = new Float32Array(pcm.length + 8000);
  padded.set(pcm, 4000);
  return encodeMulaw(f32ToS16(padded));
}

export interface Posted {
  status: number;
  text: string;
}

/** Posts to a webhook, with a right signature unless the test has another. */
export async function post(
  origin: string,
  where: string,
  form: Record<string, string>,
  {
    signature,
    body,
    type = "application/x-www-form-urlencoded",
  }: { signature?: string; body?: string; type?: string } = {},
): Promise<Posted> {
  const right = twilio.getExpectedTwilioSignature(AUTH_TOKEN, PUBLIC_URL + where, form);
  const response = await fetch(origin + where, {
    method: "POST",
    headers: { "content-type": type, "x-twilio-signature": signature ?? right },
    body: body ?? new URLSearchParams(form).toString(),
  });
  return { status: response.status, text: await response.text() };
}

export function voiceForm(callSid: string, to: string): Record<string, string> {
  return { CallSid: callSid, AccountSid: ACCOUNT, From: "+15550100123", To: to, CallStatus: "ringing" };
}

/** Calls a number; the document that answers. */
export async function call(
  origin: string,
  callSid: string,
  to: string,
  where = "/twilio/voice",
): Promise<string> {
  const { status, text } = await post(origin, where, voiceForm(callSid, to));
  if (status !== 200) throw new Error(`the voice webhook answered ${status}`);
  return text;
}

export function tokenOf(twiml: string): string {
  const token = /<Parameter name="token" value="([^"]+)"/.exec(twiml)?.[1];
  if (token === undefined) throw new Error(`no token in ${twiml}`);
  return token;
}

/** A media socket. */
export class MediaLine {
  readonly streamSid = sid("MZ");
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  readonly #callSid: string;
  #sequence = 1;
  #atMs = 0;

  private constructor(socket: WebSocket, callSid: string) {
    this.socket = socket;
    this.#callSid = callSid;
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => socket.once("close", resolve));
  }

  static async dial(origin: string, callSid: string): Promise<MediaLine> {
    const socket = new WebSocket(`${origin.replace("http", "ws")}/twilio/media`);
    const line = new MediaLine(socket, callSid);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    line.send({ event: "connected", protocol: "Call", version: "1.0.0" });
    return line;
  }

  /** Dials and starts a stream. */
  static async open(
    origin: string,
    callSid: string,
    token: string,
    more: Record<string, unknown> = {},
  ): Promise<MediaLine> {
    const line = await MediaLine.dial(origin, callSid);
    line.start(token, more);
    return line;
  }

  send(message: object | string): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  start(token: string, more: Record<string, unknown> = {}): void {
    const { streamSid } = this;
    const start = {
      accountSid: ACCOUNT,
      streamSid,
      callSid: this.#callSid,
      tracks: ["inbound"],
      mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
      customParameters: { token },
      ...more,
    };
    this.send({ event: "start", sequenceNumber: this.#next(), start, streamSid });
  }

  /** Says mu-law in packets of 20 ms. */
  say(mulaw: Uint8Array): void {
    for (let at = 0; at < mulaw.length; at += PACKET_BYTES) {
      this.media({ payload: Buffer.from(mulaw.subarray(at, at + PACKET_BYTES)).toString("base64") });
      this.#atMs += 20;
    }
  }

  media(fields: Record<string, unknown>): void {
    const media = { track: "inbound", chunk: "1", timestamp: String(this.#atMs), ...fields };
    this.send({ event: "media", sequenceNumber: this.#next(), media, streamSid: this.streamSid });
  }

  stop(): void {
    const stop = { accountSid: ACCOUNT, callSid: this.#callSid };
    this.send({ event: "stop", sequenceNumber: this.#next(), stop, streamSid: this.streamSid });
  }

  /** Sends everything, then breaks the connection without a word. */
  async die(): Promise<void> {
    // The pong comes when the server has read what was sent before the ping.
    const read = new Promise((resolve) => this.socket.once("pong", resolve));
    this.socket.ping();
    await read;
    this.socket.terminate();
    await this.closed;
  }

  #next(): string {
    this.#sequence += 1;
    return String(this.#sequence - 1);
  }
}
