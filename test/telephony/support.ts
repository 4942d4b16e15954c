/**
 * What the tests of this room share: a recorder for the port, a log that can be read, a clock that is set by hand,
 * and a real server on port 0 with real signatures.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import express from "express";
import twilio from "twilio";
import { WebSocket } from "ws";
import { Counters } from "../../src/base/counters.ts";
import type { Logger } from "../../src/base/log.ts";
import { MEDIA_PATH } from "../../src/telephony/address.ts";
import type { MediaSocket } from "../../src/telephony/media-socket.ts";
import type {
  CallInfo,
  MediaSink,
  NumberEntry,
  StreamInfo,
  TelephonyPort,
  Then,
} from "../../src/telephony/port.ts";
import { createTelephony, type Telephony, type TelephonyOptions } from "../../src/telephony/telephony.ts";

export const CALL = `CA${"0".repeat(31)}1`;
export const ACCOUNT = `AC${"0".repeat(31)}2`;
export const STREAM = `MZ${"0".repeat(31)}3`;
export const AUTH_TOKEN = "a-test-auth-token";
export const PUBLIC_URL = "https://calls.example.com";
export const KEY = Buffer.alloc(32, 7);

/** A test that waits for the network: a message that never comes fails this test and not the whole run. */
export function networkTest(title: string, body: () => Promise<void>): void {
  test(title, { timeout: 10_000 }, body);
}

/** An entry of the configuration; `next` is its `then`. */
export function entryOf(overrides: Partial<NumberEntry> = {}, next: Then | null = { dial: "+15550102222" }) {
  const entry: NumberEntry = {
    number: "+15550101111",
    mode: "start",
    tracks: ["inbound", "outbound"],
    labels: { inbound: "caller", outbound: "agent" },
    language: "en",
    announcement: null,
    then: next,
    overloadMessage: "All lines are busy.",
  };
  return { ...entry, ...overrides };
}

export class Clock {
  ms = 1_800_000_000_000;
  readonly now = (): number => this.ms;
}

export interface Line {
  level: string;
  fields: Record<string, unknown>;
  message: string;
}

export class LogRecorder {
  readonly lines: Line[] = [];
  readonly logger: Logger = this.#loggerWith({});

  #loggerWith(bindings: Record<string, unknown>): Logger {
    const write = (level: string) => (fields: object, message: string) => {
      this.lines.push({ level, fields: { ...bindings, ...fields }, message });
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
      child: (more) => this.#loggerWith({ ...bindings, ...more }),
    };
  }

  get codes(): unknown[] {
    return this.lines.map((line) => line.fields.code).filter((code) => code !== undefined);
  }
}

export class SinkRecorder implements MediaSink {
  readonly packets: { track: string; timestampMs: number; bytes: number[] }[] = [];
  readonly digits: string[] = [];
  readonly ends: string[] = [];
  failing = false;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  packet(track: string, timestampMs: number, mulaw: Uint8Array): void {
    if (this.failing) throw new Error("the sink failed");
    this.packets.push({ track, timestampMs, bytes: [...mulaw] });
    this.#changed();
  }

  dtmf(track: string, digit: string): void {
    this.digits.push(`${track}:${digit}`);
    this.#changed();
  }

  end(reason: string): void {
    this.ends.push(reason);
    this.#changed();
  }
}

/** The port, written down. */
export class PortRecorder implements TelephonyPort {
  readonly entries = new Map<string, NumberEntry>();
  admission: "accepted" | "overloaded" | "draining" = "accepted";
  readonly calls: CallInfo[] = [];
  readonly streams: StreamInfo[] = [];
  readonly sinks: SinkRecorder[] = [];
  readonly statuses: string[] = [];
  known = true;
  failing = false;
  readonly #waiting: { until: () => boolean; resolve: () => void }[] = [];

  findNumber(to: string): NumberEntry | null {
    return this.entries.get(to) ?? this.entries.get("*") ?? null;
  }

  hasCall(): boolean {
    return this.known;
  }

  admit(): "accepted" | "overloaded" | "draining" {
    if (this.failing) throw new Error("the application failed");
    return this.admission;
  }

  callAnswered(call: CallInfo): void {
    this.calls.push(call);
  }

  openStream(stream: StreamInfo): MediaSink | null {
    this.streams.push(stream);
    if (!this.known) return null;
    const sink = new SinkRecorder(() => this.#check());
    this.sinks.push(sink);
    this.#check();
    return sink;
  }

  streamStatus(callSid: string, streamSid: string, event: string, error?: string): void {
    if (this.failing) throw new Error("the application failed");
    this.statuses.push(["stream", callSid, streamSid, event, error ?? ""].join(" ").trim());
  }

  callStatus(callSid: string, status: string): void {
    if (this.failing) throw new Error("the application failed");
    this.statuses.push(`call ${callSid} ${status}`);
  }

  get sink(): SinkRecorder {
    const sink = this.sinks[0];
    if (sink === undefined) throw new Error("no stream was opened");
    return sink;
  }

  /** Resolves when what was recorded makes `condition` true. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ until: condition, resolve });
      this.#check();
    });
  }

  #check(): void {
    for (const { until, resolve } of this.#waiting) if (until()) resolve();
  }
}

export class Bench {
  readonly port = new PortRecorder();
  readonly log = new LogRecorder();
  readonly counters = new Counters();
  readonly clock = new Clock();
  readonly server: Server;
  readonly telephony: Telephony;
  readonly media: MediaSocket;
  readonly #ticks: (() => void)[] = [];
  readonly #clients: WebSocket[] = [];

  constructor(options: Partial<TelephonyOptions> = {}) {
    this.telephony = createTelephony({
      port: this.port,
      keys: () => ({ authTokens: [AUTH_TOKEN], publicUrl: PUBLIC_URL }),
      tokenKey: KEY,
      log: this.log.logger,
      counters: this.counters,
      now: this.clock.now,
      monotonic: this.clock.now,
      every: (_intervalMs, task) => {
        this.#ticks.push(task);
        return () => {};
      },
      ...options,
    });
    const app = express();
    app.use(this.telephony.router);
    this.server = createServer(app);
    this.media = this.telephony.attach(this.server);
  }

  static async start(options: Partial<TelephonyOptions> = {}): Promise<Bench> {
    const bench = new Bench(options);
    await new Promise<void>((resolve) => bench.server.listen(0, "127.0.0.1", resolve));
    return bench;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Lets time pass and the sweep run. */
  tick(ms: number): void {
    this.clock.ms += ms;
    for (const tick of this.#ticks) tick();
  }

  /** Posts a form as the carrier does, signed for the public URL. */
  async post(path: string, form: Record<string, string>, headers: Record<string, string> = {}) {
    const signature = twilio.getExpectedTwilioSignature(AUTH_TOKEN, PUBLIC_URL + path, form);
    const response = await fetch(this.origin + path, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": signature,
        ...headers,
      },
      body: new URLSearchParams(form),
    });
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      text: await response.text(),
    };
  }

  /** Calls a number and returns the TwiML. */
  async call(to: string, callSid = CALL, path = "/twilio/voice"): Promise<string> {
    const answer = await this.post(path, {
      CallSid: callSid,
      AccountSid: ACCOUNT,
      From: "+15550109876",
      To: to,
      CallStatus: "ringing",
    });
    if (answer.status !== 200) throw new Error(`voice webhook answered ${answer.status}`);
    return answer.text;
  }

  dial(path = MEDIA_PATH, headers: Record<string, string> = {}): Client {
    const socket = new WebSocket(this.origin.replace("http", "ws") + path, { headers });
    this.#clients.push(socket);
    return new Client(socket);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.terminate();
    this.server.closeAllConnections();
    await this.media.close();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A media socket as the carrier opens it. */
export class Client {
  readonly socket: WebSocket;
  /** Data messages from the server, of which there must be none. */
  readonly received: string[] = [];
  readonly opened: Promise<void>;
  /** Close code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Status and body of a refused upgrade. */
  readonly refused: Promise<{ status: number; body: string }>;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("message", (data) => this.received.push(data.toString()));
    this.opened = new Promise((resolve) => socket.once("open", () => resolve()));
    this.closed = new Promise((resolve) =>
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    this.refused = new Promise((resolve) =>
      socket.once("unexpected-response", (_request, response) => {
        let body = "";
        response.on("data", (chunk) => {
          body += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      }),
    );
  }

  send(...messages: (object | string | Buffer)[]): void {
    for (const message of messages) {
      const plain = typeof message === "string" || Buffer.isBuffer(message);
      this.socket.send(plain ? message : JSON.stringify(message));
    }
  }
}

export const connected = { event: "connected", protocol: "Call", version: "1.0.0" };

/** The `start` message of the documentation, with the token. */
export function startMessage(token: string | undefined, overrides: Record<string, unknown> = {}) {
  return {
    event: "start",
    sequenceNumber: "1",
    start: {
      accountSid: ACCOUNT,
      streamSid: STREAM,
      callSid: CALL,
      tracks: ["inbound"],
      mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
      customParameters: { ...(token !== undefined && { token }), FirstName: "Jane" },
      ...overrides,
    },
    streamSid: STREAM,
  };
}

export function mediaMessage(sequence: number, timestampMs: number, bytes: number[], track = "inbound") {
  return {
    event: "media",
    sequenceNumber: String(sequence),
    media: {
      track,
      chunk: String(sequence - 1),
      timestamp: String(timestampMs),
      payload: Buffer.from(bytes).toString("base64"),
    },
    streamSid: STREAM,
  };
}

export function stopMessage(sequence: number) {
  return {
    event: "stop",
    sequenceNumber: String(sequence),
    stop: { accountSid: ACCOUNT, callSid: CALL },
    streamSid: STREAM,
  };
}

/** The token that a TwiML document carries. */
export function tokenOf(twiml: string): string {
  const token = /<Parameter name="token" value="([^"]+)"\/>/.exec(twiml)?.[1];
  if (token === undefined) throw new Error("no token in the TwiML");
  return token;
}
