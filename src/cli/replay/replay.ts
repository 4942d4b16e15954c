/**
 * Plays a recorded call against a server as the carrier does: the signed webhook, the TwiML, the media socket, the
 * status callbacks. It follows the carrier's rules and knows nothing of how the server reads them.
 */
import { randomBytes } from "node:crypto";
import { Addresses } from "./addresses.ts";
import { BacklogSignal } from "./backlog.ts";
import { CallClock, type Speed } from "./call-clock.ts";
import { CarrierError } from "./carrier-error.ts";
import { CarrierHttp } from "./carrier-http.ts";
import { type OpenStream, StreamPlayer } from "./player.ts";
import type { RecordedCall } from "./recorded-call.ts";
import { type ReplayEvent, ReplayLog, type ReplayReport } from "./report.ts";
import { parseVerbs, type Verb } from "./twiml-verbs.ts";

export interface ReplayOptions {
  /** The voice webhook as it can be reached, for example `http://127.0.0.1:8080/twilio/voice`. */
  voiceUrl: string;
  /** The call status callback as it can be reached; by default `/twilio/status` beside the voice webhook. */
  statusUrl?: string;
  /** What the server believes its base URL is; signatures are made over it. Default: the origin of `voiceUrl`. */
  publicUrl?: string;
  authToken: string;
  call: RecordedCall;
  /** 1 is real time, N is N times as fast, `max` as fast as the server takes it. */
  speed: Speed;
  /** Default: a random one. */
  callSid?: string;
  /** Called numbers other than the recording's. */
  from?: string;
  to?: string;
  /** Ends the replay at once: sockets break, nothing is reported to the server. */
  signal?: AbortSignal;
  onEvent?: (event: ReplayEvent) => void;
}

/** Documents that one call may fetch; a server that redirects for ever is a fault. */
const DOCUMENTS_MAXIMUM = 20;

/** A carrier's identifier: two letters and 32 hexadecimal digits. */
export function createSid(prefix: "AC" | "CA" | "MZ"): string {
  return `${prefix}${randomBytes(16).toString("hex")}`;
}

/**
 * Plays one call to its end.
 *
 * @returns what happened; faults of the server are in `errors` with the carrier's code, they do not throw.
 * @throws {RangeError} when the speed is none.
 */
export async function replayCall(options: ReplayOptions): Promise<ReplayReport> {
  return new CarrierCall(options).run();
}

type Outcome = "hangup" | "next" | { redirect: string };

class CarrierCall {
  readonly #options: ReplayOptions;
  readonly #log: ReplayLog;
  readonly #addresses: Addresses;
  readonly #http: CarrierHttp;
  readonly #player: StreamPlayer;
  #finalStatus = "completed";
  readonly #identity: { accountSid: string; callSid: string; from: string; to: string };

  constructor(options: ReplayOptions) {
    const { call, signal } = options;
    this.#options = options;
    this.#identity = {
      accountSid: createSid("AC"),
      callSid: options.callSid ?? createSid("CA"),
      from: options.from ?? call.from,
      to: options.to ?? call.to,
    };
    this.#log = new ReplayLog(this.#identity.callSid, options.onEvent);
    this.#addresses = new Addresses(options.voiceUrl, options.publicUrl);
    this.#http = new CarrierHttp(this.#addresses, options.authToken, signal);
    this.#player = new StreamPlayer({
      call,
      identity: this.#identity,
      createStreamSid: () => createSid("MZ"),
      clock: new CallClock(options.speed, signal),
      backlog: options.speed === "max" ? new BacklogSignal(options.voiceUrl, signal) : undefined,
      addresses: this.#addresses,
      http: this.#http,
      log: this.#log,
      signal,
    });
  }

  async run(): Promise<ReplayReport> {
    let url: string | undefined = this.#addresses.toPublic(this.#options.voiceUrl);
    for (let count = 0; url !== undefined && count < DOCUMENTS_MAXIMUM; count++) {
      url = await this.#fetchAndFollow(url, count === 0 ? "ringing" : "in-progress");
    }
    await this.#player.hangUp();
    if (!this.#options.signal?.aborted) await this.#tellCompleted();
    return this.#log.report(this.#options.signal?.aborted ?? false);
  }

  /** Fetches a document and follows it; returns the next document's URL. A broken document ends the call. */
  async #fetchAndFollow(url: string, status: string): Promise<string | undefined> {
    try {
      const { body, type } = await this.#http.post(url, this.#form(status));
      if (!/^(text|application)\/(xml|.*\+xml)\b/i.test(type)) {
        throw new CarrierError(12300, `Invalid content type: ${type || "none"}`);
      }
      for (const verb of parseVerbs(body)) {
        if (this.#options.signal?.aborted) return undefined;
        this.#log.verb(verb.verb);
        const outcome = await this.#follow(verb, url);
        if (outcome === "hangup") return undefined;
        if (outcome !== "next") return outcome.redirect;
      }
    } catch (error) {
      if (!(error instanceof CarrierError)) throw error;
      if (!this.#options.signal?.aborted) this.#log.error(error.code, error.message);
    }
    return undefined;
  }

  async #follow(verb: Verb, documentUrl: string): Promise<Outcome> {
    switch (verb.verb) {
      case "Start":
        await this.#player.open(verb.stream, "start");
        return "next";
      case "Connect":
        return this.#connect(await this.#player.open(verb.stream, "connect"));
      case "Pause":
        return this.#goOn(await this.#player.play(verb.lengthMs));
      case "Redirect": {
        const url = new URL(verb.url, documentUrl).href;
        // Somebody else's document: we do not run it, but the call goes on.
        return this.#addresses.isOurs(url) ? { redirect: url } : this.#goOn(await this.#player.play());
      }
      case "Dial":
        return this.#goOn(await this.#player.play());
      case "Say":
        return "next";
      case "Reject":
        this.#finalStatus = "busy";
        return "hangup";
      case "Hangup":
        return "hangup";
    }
  }

  /** A `Connect` stream blocks until somebody ends it; only the server's end lets the next verb run. */
  async #connect(stream: OpenStream | undefined): Promise<Outcome> {
    return stream === undefined ? "next" : this.#goOn(await this.#player.play(Infinity, stream));
  }

  #goOn(played: "call-ended" | "elapsed" | "stream-ended"): Outcome {
    return played === "call-ended" ? "hangup" : "next";
  }

  #form(status: string): Record<string, string> {
    const { accountSid, callSid, from, to } = this.#identity;
    return {
      AccountSid: accountSid,
      ApiVersion: "2010-04-01",
      CallSid: callSid,
      CallStatus: status,
      Called: to,
      Caller: from,
      Direction: "inbound",
      From: from,
      To: to,
    };
  }

  async #tellCompleted(): Promise<void> {
    const { voiceUrl, statusUrl } = this.#options;
    const url = this.#addresses.toPublic(statusUrl ?? new URL("/twilio/status", voiceUrl).href);
    const seconds = String(Math.ceil(this.#player.durationMs / 1000));
    const form = {
      ...this.#form(this.#finalStatus),
      CallDuration: seconds,
      CallbackSource: "call-progress-events",
      Duration: String(Math.ceil(Number(seconds) / 60)),
      SequenceNumber: "0",
      Timestamp: new Date().toUTCString(),
    };
    await this.#http
      .post(url, form)
      .catch((error: CarrierError) => this.#log.error(error.code, error.message));
  }
}
