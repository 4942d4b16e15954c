/**
 * What every request goes through, whatever it asks for: it is admitted, has a place, a deadline and an id, is counted
 * and logged, and every fault becomes an answer in the shape of its API.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Access, Admitted } from "../access/access.ts";
import type { Scope } from "../access/key.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { ApiError, asApiError, RETRY_AFTER_SECONDS } from "./api-error.ts";
import { ClientGone, type DescribeError, Exchange } from "./exchange.ts";
import { Places } from "./places.ts";

export interface DeskOptions {
  /** Prefix of the counters `<name>.added|refused|answered|abandoned|failed.<code>`. */
  name: string;
  access: Pick<Access, "admit">;
  scope: Scope;
  /** Requests worked on at once; one more is refused with `REQUEST_OVERLOADED`. */
  maximumRequests: number;
  /** Places that requests of this API take beside its own, because others take them, too. */
  places?: Places;
  /** The answer to an error, as the API has it. */
  describe: DescribeError;
  logger: Logger;
  counters: Counters;
}

export interface Visit {
  exchange: Exchange;
  admission: Admitted;
  /** Names the request. */
  log: Logger;
}

export class RequestDesk {
  readonly #options: DeskOptions;
  readonly #places: Places;
  readonly #live = new Set<Exchange>();
  #draining = false;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#places = new Places(options.name, options.maximumRequests, options.counters, options.places);
  }

  /** No new requests from now on. */
  drain(): void {
    this.#draining = true;
  }

  /** Gives up what is under way. */
  close(): void {
    this.#draining = true;
    for (const exchange of this.#live) exchange.end(draining());
  }

  /** Answers a request by `work`; what that throws is answered as an error. Never rejects. */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    work: (visit: Visit) => Promise<void>,
  ): Promise<void> {
    const { name, describe, counters, logger } = this.#options;
    const exchange = new Exchange(request, response, describe);
    const log = logger.child({ requestId: exchange.id });
    this.#live.add(exchange);
    try {
      await this.#admitted(exchange, log, work);
      counters.add(`${name}.answered`);
    } catch (error) {
      this.#failed(exchange, error, log);
    } finally {
      this.#live.delete(exchange);
    }
  }

  #failed(exchange: Exchange, error: unknown, log: Logger): void {
    const { name, counters } = this.#options;
    if (error instanceof ClientGone) {
      counters.add(`${name}.abandoned`);
      log.info({ api: name }, "request abandoned by its client");
      return;
    }
    const refusal = asApiError(error);
    const { code, status, param } = refusal;
    counters.add(`${name}.failed.${code}`);
    if (status >= 500) log.error({ api: name, code, status, reason: messageOf(error) }, "request failed");
    else log.info({ api: name, code, status, param }, "request refused");
    exchange.refuse(refusal);
  }

  async #admitted(exchange: Exchange, log: Logger, work: (visit: Visit) => Promise<void>): Promise<void> {
    if (this.#draining) throw draining();
    const { access, scope } = this.#options;
    const admission = await access.admit(exchange.request, { scope });
    if (!admission.ok) {
      const { status, code, message, retryAfterSeconds } = admission;
      throw new ApiError(status, code, message, { retryAfterSeconds });
    }
    const leave = this.#places.take();
    const { maximumSessionMs, signal } = admission;
    const ended = (): void => exchange.end(accessEnded(signal.reason));
    signal.addEventListener("abort", ended, { once: true });
    const deadline = setTimeout(() => exchange.end(tooSlow(maximumSessionMs)), maximumSessionMs);
    try {
      if (leave === null) throw overloaded();
      await work({ exchange, admission, log });
    } finally {
      clearTimeout(deadline);
      signal.removeEventListener("abort", ended);
      leave?.();
      admission.release();
    }
  }
}

function draining(): ApiError {
  return new ApiError(503, "SERVER_DRAINING", "The server is shutting down", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

function overloaded(): ApiError {
  return new ApiError(503, "REQUEST_OVERLOADED", "As many requests are worked on as may be at once", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

/** The key was revoked, or expired, while its request was under way. */
function accessEnded(reason: unknown): ApiError {
  const code = reason instanceof LinescribeError ? reason.code : "ACCESS_KEY_UNKNOWN";
  return new ApiError(401, code, messageOf(reason));
}

function tooSlow(maximumMs: number): ApiError {
  return new ApiError(408, "REQUEST_TIMEOUT", `The request took more than ${maximumMs} ms`);
}
