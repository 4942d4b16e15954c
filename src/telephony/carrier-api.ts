/**
 * Asks the carrier's REST API to start a stream on a live call: how a `<Start>` stream that died comes back.
 */
import { type Dispatcher, request } from "undici";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import { expectInteger } from "../base/guards.ts";
import type { Track } from "../transcript/event.ts";
import { trackAttribute } from "./twiml.ts";

const API_VERSION = "2010-04-01";
const RESPONSE_MAXIMUM_BYTES = 64 * 1024;
const FIRST_WAIT_MS = 250;
const WAIT_MAXIMUM_MS = 5000;

export interface CarrierApiOptions {
  accountSid: string;
  /** An API key and its secret, or the account and its auth token. */
  username: string;
  password: string;
  /** Default `https://api.twilio.com`. */
  baseUrl?: string | undefined;
  /** Requests in all, >= 1, default 3. */
  attempts?: number | undefined;
  /** Of each request, default 5000. */
  timeoutMs?: number | undefined;
  wait?: ((ms: number) => Promise<void>) | undefined;
  dispatcher?: Dispatcher | undefined;
  counters: Counters;
}

export interface StreamRequest {
  callSid: string;
  url: string;
  name: string;
  tracks: readonly Track[];
  statusCallback: string;
  parameters: Readonly<Record<string, string>>;
}

export class CarrierApi {
  readonly #options: CarrierApiOptions;
  readonly #attempts: number;

  constructor(options: CarrierApiOptions) {
    this.#options = options;
    this.#attempts = expectInteger("attempts", options.attempts ?? 3, 1, 10);
  }

  /**
   * Starts a stream and returns its streamSid. Network failures, 429 and 5xx are tried again after a wait; the
   * stream's name and single-use token keep a repeated request from opening two.
   *
   * @throws {LinescribeError} CARRIER_API_FAILED; not retryable when the carrier said no, as it does for an ended call.
   */
  async startStream(stream: StreamRequest): Promise<string> {
    const { counters, wait = sleep } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#try(stream).catch((thrown) => networkFailure(thrown));
      if (typeof outcome === "string") return outcome;
      counters.add("carrier_api.failed");
      if (!outcome.error.retryable || attempt === this.#attempts) throw outcome.error;
      await wait(outcome.waitMs ?? Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), WAIT_MAXIMUM_MS));
    }
  }

  async #try(stream: StreamRequest): Promise<string | Failure> {
    const { username, password, timeoutMs = 5000, dispatcher, counters } = this.#options;
    counters.add("carrier_api.requests");
    const { statusCode, headers, body } = await request(this.#address(stream.callSid), {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
        "content-type": "application/x-www-form-urlencoded",
        accept: "application/json",
      },
      body: formOf(stream).toString(),
      signal: AbortSignal.timeout(timeoutMs),
      ...(dispatcher && { dispatcher }),
    });
    const answer = asFields(await readBounded(body));
    const sid = answer.sid;
    if (statusCode >= 200 && statusCode < 300) {
      if (typeof sid === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(sid)) return sid;
      return failure("The carrier answered without a stream id", false);
    }
    const carrierCode = typeof answer.code === "number" ? `, carrier code ${answer.code}` : "";
    const retryable = statusCode === 429 || statusCode >= 500;
    return failure(
      `The carrier answered ${statusCode}${carrierCode}`,
      retryable,
      retryAfterMs(headers["retry-after"]),
    );
  }

  #address(callSid: string): string {
    const { baseUrl = "https://api.twilio.com", accountSid } = this.#options;
    const path = ["Accounts", accountSid, "Calls", callSid, "Streams.json"].map(encodeURIComponent).join("/");
    return `${baseUrl.replace(/\/+$/, "")}/${API_VERSION}/${path}`;
  }
}

interface Failure {
  error: LinescribeError;
  waitMs: number | null;
}

function failure(message: string, retryable: boolean, waitMs: number | null = null): Failure {
  return { error: new LinescribeError("CARRIER_API_FAILED", message, { retryable }), waitMs };
}

function networkFailure(thrown: unknown): Failure {
  const error = new LinescribeError(
    "CARRIER_API_FAILED",
    `The carrier was not reached: ${messageOf(thrown)}`,
    {
      retryable: true,
      cause: thrown,
    },
  );
  return { error, waitMs: null };
}

function formOf({ url, name, tracks, statusCallback, parameters }: StreamRequest): URLSearchParams {
  const form = new URLSearchParams({
    Url: url,
    Name: name,
    Track: trackAttribute(tracks),
    StatusCallback: statusCallback,
    StatusCallbackMethod: "POST",
  });
  Object.entries(parameters).forEach(([key, value], index) => {
    form.set(`Parameter${index + 1}.Name`, key);
    form.set(`Parameter${index + 1}.Value`, value);
  });
  return form;
}

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > RESPONSE_MAXIMUM_BYTES) throw new Error(`answer over ${RESPONSE_MAXIMUM_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function asFields(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Seconds only; a stream is not worth waiting for a date. */
function retryAfterMs(header: string | string[] | undefined): number | null {
  return typeof header === "string" && /^\d{1,4}$/.test(header)
    ? Math.min(Number(header) * 1000, WAIT_MAXIMUM_MS)
    : null;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
