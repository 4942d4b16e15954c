/**
 * Logins of browsers: a key is shown once, and a random token in a cookie stands for it since, for as long as both live.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { StoredLogin, Logins as StoredLogins } from "../store/logins.ts";
import type { KeyText } from "./key.ts";

export interface LoginLimits {
  /** How long a login may last, ms. */
  maximumMs: number;
  /** How long it may go unused, ms. */
  idleMs: number;
}

export const DEFAULT_LOGIN_LIMITS: Readonly<LoginLimits> = { maximumMs: 604_800_000, idleMs: 43_200_000 };

export interface LoginsOptions {
  stored: Pick<StoredLogins, "add" | "get" | "remove" | "use">;
  limits: LoginLimits;
  /** Epoch ms. */
  now: () => number;
  log: Logger;
  counters: Counters;
}

/** A login that holds. */
export interface OpenLogin {
  /** The key that was shown. */
  key: KeyText;
  /** When it ends at the latest, epoch ms. */
  endsAt: number;
  tokenHash: Uint8Array;
}

const TOKEN_BYTES = 32;
/** Logins of one key at once; the oldest ends. */
const MAXIMUM_PER_KEY = 100;
/** How late the store may know that a login was used, ms; at most a tenth of the idle time. */
const USE_DELAY_MS = 60_000;

export class Logins {
  readonly #options: LoginsOptions;
  /** What each login opened, by the hash of its token. */
  readonly #opened = new Map<string, { tokenHash: Uint8Array; controllers: Set<AbortController> }>();

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /** Opens a login; returns its token, which is nowhere else, and how long it may last, ms. */
  create({ id, hash }: KeyText, keyEndsAt: number): { token: string; maximumMs: number } {
    const { stored, limits, now } = this.#options;
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    const at = now();
    const expiresAt = Math.min(at + limits.maximumMs, keyEndsAt);
    const login = {
      tokenHash: hashOf(token),
      keyId: id,
      keyHash: hash,
      createdAt: at,
      usedAt: at,
      expiresAt,
    };
    stored.add(login, { maximum: MAXIMUM_PER_KEY, idleSince: at - limits.idleMs });
    return { token, maximumMs: expiresAt - at };
  }

  /** The login of a token, which is used by that; null when there is none, or it is past its time. */
  find(token: string): OpenLogin | null {
    const tokenHash = hashOf(token);
    const found = this.#options.stored.get(tokenHash);
    if (found === null || !this.#holds(found)) return null;
    this.#use(found);
    return { key: { id: found.keyId, hash: found.keyHash }, endsAt: found.expiresAt, tokenHash };
  }

  #holds({ expiresAt, usedAt }: StoredLogin): boolean {
    const now = this.#options.now();
    return now < expiresAt && now - usedAt < this.#options.limits.idleMs;
  }

  /** A store in trouble keeps nobody out. */
  #use({ tokenHash, usedAt }: StoredLogin): void {
    const { stored, limits, now, log, counters } = this.#options;
    if (now() - usedAt < Math.min(USE_DELAY_MS, limits.idleMs / 10)) return;
    try {
      stored.use(tokenHash, now());
    } catch (error) {
      counters.add("access.loginUseFailed");
      log.warn({ reason: messageOf(error) }, "when a login was used was not stored");
    }
  }

  /** Ends a login and what it opened; returns whether there was one. */
  end(token: string): boolean {
    const tokenHash = hashOf(token);
    const removed = this.#options.stored.remove(tokenHash);
    this.#abort(keyOf(tokenHash));
    return removed;
  }

  /** Ends something that a login opened, by its controller, with the login; returns what stops watching. */
  watch(tokenHash: Uint8Array, controller: AbortController): () => void {
    const name = keyOf(tokenHash);
    const entry = this.#opened.get(name) ?? { tokenHash, controllers: new Set() };
    entry.controllers.add(controller);
    this.#opened.set(name, entry);
    return () => {
      entry.controllers.delete(controller);
      if (entry.controllers.size === 0 && this.#opened.get(name) === entry) this.#opened.delete(name);
    };
  }

  /** Ends what was opened by logins that have ended since; what is open uses its login. */
  sweep(): void {
    for (const [name, { tokenHash }] of [...this.#opened]) {
      const found = this.#options.stored.get(tokenHash);
      if (found !== null && this.#holds(found)) this.#use(found);
      else this.#abort(name);
    }
  }

  #abort(name: string): void {
    const reason = new LinescribeError("ACCESS_LOGIN_EXPIRED", "The login has ended");
    for (const controller of this.#opened.get(name)?.controllers ?? []) controller.abort(reason);
  }
}

/** The token is 256 random bits: nobody guesses it, and one round of a fast hash is enough. */
function hashOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}

function keyOf(tokenHash: Uint8Array): string {
  return Buffer.from(tokenHash).toString("base64");
}
