/**
 * The API of calls, asked from a page.
 */

/** @typedef {import("./live-calls.js").Track} Track */
/** @typedef {import("./live-calls.js").TrackLabel} TrackLabel */
/** @typedef {{ start: number, end: number }} Mark */
/**
 * @typedef {{ sequence: number, track: Track, label: string, startMs: number, endMs: number, language: string,
 *   text: string, marks: Mark[], cutBefore: boolean, cutAfter: boolean }} Hit
 * @typedef {{ callSid: string, kind: "call" | "session", status: "live" | "ended", faulty: boolean, from: string,
 *   to: string, tracks: TrackLabel[], languages: string[], openedAt: string, mediaStartAt: string | null,
 *   endedAt: string | null, endReason: string | null, durationMs: number, finals: number, gaps: number,
 *   deliveries: { pending: number, dead: number }, hits?: Hit[], hitCount?: number }} Call
 * @typedef {{ calls: Call[], next: string | null }} CallPage
 * @typedef {{ sequence: number, state: "pending" | "delivered" | "dead", attempts: number, lastAttemptAt: string | null,
 *   nextAt: string | null, lastStatus: number | null, lastError: string | null }} Delivery
 * @typedef {{ endpoint: string | null, endpointDisabled: boolean, deliveries: Delivery[], next: number | null }} Deliveries
 * @typedef {{ events: import("./call-record.js").CallEvent[], next: number | null }} Events
 * @typedef {"json" | "txt" | "srt" | "vtt"} Format
 */

const ROWS = 1000;
/** Statuses of what passes by itself; 0: not reached. */
const PASSING = [0, 408, 429];

/** What the server says against a request. */
export class Refused extends Error {
  /**
   * @param {number} status - 0: it was not reached.
   * @param {string} code
   * @param {string} detail
   */
  constructor(status, code, detail) {
    super(detail);
    this.name = "Refused";
    this.status = status;
    this.code = code;
  }

  /** Whether a login would help. */
  get isLogin() {
    return this.status === 401;
  }

  /** Whether it may work when it is tried again. */
  get isPassing() {
    return PASSING.includes(this.status) || this.status >= 500;
  }
}

export class CallsClient {
  #fetch;

  /** @param {typeof fetch} [ask] */
  constructor(ask = (...request) => fetch(...request)) {
    this.#fetch = ask;
  }

  /**
   * @param {URLSearchParams} query
   * @param {AbortSignal} [signal]
   * @returns {Promise<CallPage>}
   */
  async list(query, signal) {
    return await this.#json(`/v1/calls?${query}`, { signal: signal ?? null });
  }

  /**
   * @param {string} callSid
   * @returns {Promise<Call>}
   */
  async call(callSid) {
    return await this.#json(pathOf(callSid));
  }

  /**
   * All events after a sequence, page after page.
   *
   * @param {string} callSid
   * @param {number} after
   */
  async events(callSid, after) {
    /** @type {Events["events"]} */
    const events = [];
    for (let from = after; ; ) {
      const page = /** @type {Events} */ (
        await this.#json(`${pathOf(callSid)}/events?after=${from}&limit=${ROWS}`)
      );
      events.push(...page.events);
      if (page.next === null || page.next <= from) return events;
      from = page.next;
    }
  }

  /**
   * @param {string} callSid
   * @returns {Promise<Deliveries>} All of them.
   */
  async deliveries(callSid) {
    /** @type {Deliveries | null} */
    let all = null;
    for (let from = 0; ; ) {
      const page = /** @type {Deliveries} */ (
        await this.#json(`${pathOf(callSid)}/deliveries?after=${from}&limit=${ROWS}`)
      );
      all = all === null ? page : { ...page, deliveries: [...all.deliveries, ...page.deliveries] };
      if (page.next === null || page.next <= from) return all;
      from = page.next;
    }
  }

  /**
   * @param {string} callSid
   * @param {readonly ("dead" | "delivered")[]} states
   * @returns {Promise<{ resent: number }>}
   */
  async resend(callSid, states) {
    const body = JSON.stringify({ states });
    const headers = { "content-type": "application/json" };
    return await this.#json(`${pathOf(callSid)}/resend`, { method: "POST", headers, body });
  }

  /** @param {string} callSid */
  async remove(callSid) {
    await this.#json(pathOf(callSid), { method: "DELETE" });
  }

  /**
   * The OpenAPI document.
   *
   * @returns {Promise<unknown>}
   */
  async document() {
    return await this.#json("/v1/openapi.json");
  }

  /** Whether the server lets this page in. */
  async why() {
    try {
      await this.list(new URLSearchParams({ limit: "1" }));
      return { code: null, hopeless: false };
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 0) return null;
      return { code: error.code, hopeless: error.status === 401 || error.status === 403 };
    }
  }

  /**
   * @param {string} address
   * @param {RequestInit} [request]
   * @returns {Promise<any>}
   * @throws {Refused}
   */
  async #json(address, request) {
    const response = await this.#fetch(address, { cache: "no-store", ...request }).catch((error) => {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Refused(0, "PAGE_OFFLINE", "The server cannot be reached");
    });
    const body = await response.json().catch((error) => {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      // An answer that was cut off is none; a refusal counts without its words.
      if (response.ok) throw new Refused(0, "PAGE_OFFLINE", "The answer did not arrive");
      return {};
    });
    if (response.ok) return body;
    throw new Refused(response.status, String(body.code ?? "REQUEST_FAILED"), String(body.detail ?? ""));
  }
}

/**
 * @param {string} callSid
 * @param {Format} format
 */
export function transcriptAddress(callSid, format) {
  return `${pathOf(callSid)}/transcript?format=${format}`;
}

/** @param {string} callSid */
function pathOf(callSid) {
  return `/v1/calls/${encodeURIComponent(callSid)}`;
}
