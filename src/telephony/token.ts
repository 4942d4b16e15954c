/**
 * Stream tokens: what proves that a media socket belongs to a call whose voice webhook we answered.
 *
 * A token is `<expiresAt>.<turn>.<mac>`, where the mac is HMAC-SHA256 over these two and the CallSid. `turn` counts
 * the streams that a call has opened. A webhook that is repeated before a stream opened mints for the same turn: any
 * of these tokens works, but only one stream can use one. After a use the next mint is for the next turn, so a
 * recovery or a second stream of the call gets a fresh token.
 *
 * Turns are held in memory until every token of the call has expired. Across a restart, or between processes that
 * share the key, a used token works again until it expires.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Counters } from "../base/counters.ts";
import { expectInteger } from "../base/guards.ts";

/** Name of the custom parameter that carries the token; the carrier strips a query from the URL. */
export const TOKEN_PARAMETER = "token";
/** The token is minted before the announcement is spoken, so it outlives a long one. */
export const DEFAULT_TOKEN_TTL_MS = 5 * 60_000;
const DEFAULT_MAXIMUM_CALLS = 20_000;
const MINIMUM_KEY_BYTES = 16;

const SHAPE = /^(\d{1,16})\.(\d{1,6})\.([A-Za-z0-9_-]{43})$/;

export type TokenFault = "missing" | "malformed" | "wrong" | "expired" | "used";

export interface StreamTokensOptions {
  /** HMAC key, at least 16 bytes. */
  key: Uint8Array;
  ttlMs?: number | undefined;
  /** Calls whose turn is remembered; at the maximum the oldest is dropped and counted (`token.turns.dropped`). */
  maximumCalls?: number | undefined;
  /** Unix ms. */
  now: () => number;
  counters: Counters;
}

export interface MintedToken {
  token: string;
  /** A name for the stream that no other stream of the call has. */
  streamName: string;
}

export class StreamTokens {
  readonly #options: StreamTokensOptions;
  readonly #ttlMs: number;
  readonly #maximumCalls: number;
  /** By CallSid, oldest use first: the next turn, and when the last token of an earlier turn has expired. */
  readonly #turns = new Map<string, { next: number; forgetAt: number }>();

  constructor(options: StreamTokensOptions) {
    if (options.key.byteLength < MINIMUM_KEY_BYTES) {
      throw new RangeError(
        `Expected a token key of at least ${MINIMUM_KEY_BYTES} bytes, got ${options.key.byteLength}`,
      );
    }
    this.#options = options;
    this.#ttlMs = expectInteger("ttlMs", options.ttlMs ?? DEFAULT_TOKEN_TTL_MS, 1000, 3_600_000);
    this.#maximumCalls = expectInteger("maximumCalls", options.maximumCalls ?? DEFAULT_MAXIMUM_CALLS, 1);
  }

  /** Calls whose turn is held. */
  get held(): number {
    return this.#turns.size;
  }

  /** Makes a token for the next stream of the call. */
  mint(callSid: string): MintedToken {
    const turn = this.#turns.get(callSid)?.next ?? 0;
    const expiresAt = this.#options.now() + this.#ttlMs;
    return {
      token: `${expiresAt}.${turn}.${this.#mac(callSid, expiresAt, turn)}`,
      streamName: `linescribe-${expiresAt.toString(36)}-${turn}`,
    };
  }

  /** Uses a token up. Returns null when it is good, else what is wrong with it. */
  redeem(callSid: string, token: string | undefined): TokenFault | null {
    if (token === undefined || token === "") return "missing";
    const [, expiresText, turnText, mac] = SHAPE.exec(token) ?? [];
    if (callSid === "" || mac === undefined) return "malformed";
    const expiresAt = Number(expiresText);
    const turn = Number(turnText);
    const expected = this.#mac(callSid, expiresAt, turn);
    if (!timingSafeEqual(Buffer.from(mac), Buffer.from(expected))) return "wrong";
    const now = this.#options.now();
    if (now >= expiresAt) return "expired";
    if (turn < (this.#turns.get(callSid)?.next ?? 0)) return "used";
    this.#remember(callSid, turn + 1, now);
    return null;
  }

  #remember(callSid: string, next: number, now: number): void {
    // Tokens of this turn were minted up to now, so the last of them expires one lifetime from now.
    this.#turns.delete(callSid);
    this.#turns.set(callSid, { next, forgetAt: now + this.#ttlMs });
    for (const [oldest, { forgetAt }] of this.#turns) {
      const expired = forgetAt <= now;
      if (!expired && this.#turns.size <= this.#maximumCalls) break;
      if (!expired) this.#options.counters.add("token.turns.dropped");
      this.#turns.delete(oldest);
    }
  }

  #mac(callSid: string, expiresAt: number, turn: number): string {
    return createHmac("sha256", this.#options.key)
      .update(`linescribe.stream.1\n${callSid}\n${expiresAt}\n${turn}`)
      .digest("base64url");
  }
}
