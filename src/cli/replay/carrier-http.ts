/**
 * The carrier's signed HTTP requests.
 */
import { randomUUID } from "node:crypto";
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js";
import { messageOf } from "../../base/error.ts";
import type { Addresses } from "./addresses.ts";
import { CarrierError } from "./carrier-error.ts";

/** The carrier's default read timeout for a webhook. */
const TIMEOUT_MS = 15_000;

export class CarrierHttp {
  readonly #addresses: Addresses;
  readonly #authToken: string;
  readonly #signal: AbortSignal | undefined;

  constructor(addresses: Addresses, authToken: string, signal?: AbortSignal) {
    this.#addresses = addresses;
    this.#authToken = authToken;
    this.#signal = signal;
  }

  /** The value of X-Twilio-Signature for a public URL and the fields of a form. */
  signature(publicUrl: string, form: Record<string, string> = {}): string {
    return getExpectedTwilioSignature(this.#authToken, publicUrl, form);
  }

  /**
   * Posts a form to a public URL and returns the body of the answer.
   *
   * @throws {CarrierError} 11200 when there is no answer or its status is not 2xx.
   */
  async post(publicUrl: string, form: Record<string, string>): Promise<{ body: string; type: string }> {
    try {
      const response = await fetch(this.#addresses.toConnect(publicUrl), {
        method: "POST",
        redirect: "manual",
        headers: {
          "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
          "user-agent": "TwilioProxy/1.1",
          accept: "*/*",
          "i-twilio-idempotency-token": randomUUID(),
          "x-twilio-signature": this.signature(publicUrl, form),
        },
        body: new URLSearchParams(form).toString(),
        signal: this.#limit(),
      });
      const body = await response.text();
      if (!response.ok) throw new Error(`status ${response.status}: ${body.slice(0, 200)}`);
      return { body, type: response.headers.get("content-type") ?? "" };
    } catch (error) {
      throw new CarrierError(11200, `HTTP retrieval failure for ${publicUrl}: ${reasonOf(error)}`);
    }
  }

  #limit(): AbortSignal {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    return this.#signal === undefined ? timeout : AbortSignal.any([timeout, this.#signal]);
  }
}

/** `fetch` hides why it failed in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : "";
  return `${messageOf(error)}${cause}`;
}
