/**
 * Decides who may use the sockets and the API: by key, or from this machine when there is none, within limits.
 */
import type { IncomingMessage } from "node:http";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import { networksOf, peerKey } from "../base/ip-address.ts";
import type { Logger } from "../base/log.ts";
import type { Keys } from "../store/keys.ts";
import type { Logins as StoredLogins } from "../store/logins.ts";
import { type Authority, authenticate, type OpenKey } from "./authenticate.ts";
import { type ClientAddress, clientAddress, type ProxyTrust } from "./client-address.ts";
import type { Scope } from "./key.ts";
import { LastUsed } from "./last-used.ts";
import { type AccessLimits, LimitBook, type Visit } from "./limits.ts";
import { remoteTrace } from "./local.ts";
import { type CookieChange, LoginDesk } from "./login-desk.ts";
import { DEFAULT_LOGIN_LIMITS, type LoginLimits, Logins } from "./logins.ts";
import { originAllowed } from "./origin.ts";
import { type Refusal, refusal } from "./refusal.ts";
import { KeyWatch } from "./watch.ts";

export interface AccessOptions {
  keys: Pick<Keys, "any" | "get" | "saveLastUsed">;
  /** How many proxies stand in front, each of which appends to `X-Forwarded-For`, or their networks. */
  trustedProxies: number | readonly string[];
  /** Origins of web pages elsewhere that may connect. */
  origins: readonly string[];
  publicUrl: string | null;
  /** Longest session of a socket or request, ms. */
  maximumSessionMs: number;
  limits: AccessLimits;
  /** Where logins of browsers are; absent: none can log in. */
  logins?: Pick<StoredLogins, "add" | "get" | "remove" | "use">;
  login?: LoginLimits;
  log: Logger;
  counters: Counters;
  /** Epoch ms. */
  now?: () => number;
  /** Monotonic ms. */
  monotonic?: () => number;
}

export interface Admitted {
  ok: true;
  /** Null when no key exists and the request came from this machine. */
  keyId: string | null;
  /** Of the client, not of a proxy. */
  address: string;
  /** Until the session has to end, ms: by configuration, or because the key expires before. */
  maximumSessionMs: number;
  /** Aborts, with a `LinescribeError` as its reason, within seconds after the key is revoked, expires or is rotated away. */
  signal: AbortSignal;
  /** Gives back what limits count; call it when the socket or request has ended, once or often. */
  release(): void;
}

export type Admission = Admitted | Refusal;

export interface Access {
  /** Answers, whatever a request holds; it never rejects. A request with an `Upgrade` header counts as a socket. */
  admit(
    request: Pick<IncomingMessage, "headers" | "socket" | "httpVersion" | "method">,
    options: { scope: Scope },
  ): Promise<Admission>;
  /** Turns a key into a login, of which the browser gets a cookie. Never rejects. */
  logIn(request: IncomingMessage, keyText: string): Promise<CookieChange | Refusal>;
  /** Ends the login of a browser, if it has one, and what it opened. Never rejects. */
  logOut(request: IncomingMessage): Promise<CookieChange | Refusal>;
  /** The client's address, not a proxy's, also where no key is asked for; `unknown` when the peer has none. */
  addressOf(request: Pick<IncomingMessage, "headers" | "socket">): string;
  /** Whether a request is of no page, or of one whose origin may connect. */
  allowsOrigin(request: Pick<IncomingMessage, "headers">): boolean;
  /** Whether no key exists yet, so that only this machine is answered. */
  readonly keyless: boolean;
  /** Looks for keys and logins that ended, and writes when keys were used; runs by itself every few seconds. */
  sweep(): void;
  close(): void;
}

const SWEEP_MS = 5000;
/** How long the time of a key's last use may be out of date, in sweeps. */
const SWEEPS_PER_SAVE = 12;

/** Says in the log, once, when there is no key. */
export function createAccess(options: AccessOptions): Access {
  const gate = new Gate(options);
  const timer = setInterval(() => gate.sweep(), SWEEP_MS);
  timer.unref();
  if (gate.keyless) {
    options.log.warn(
      {},
      "there is no API key: sockets and API answer this machine only; linescribe keys create makes one",
    );
  }
  return {
    async admit(request, { scope }) {
      return gate.admit(request, scope);
    },
    logIn: async (request, keyText) => gate.logIn(request, keyText),
    logOut: async (request) => gate.logOut(request),
    addressOf: (request) => gate.clientOf(request).text,
    allowsOrigin: (request) => gate.allowsOrigin(request),
    get keyless() {
      return gate.keyless;
    },
    sweep: () => gate.sweep(),
    close() {
      clearInterval(timer);
      gate.save();
    },
  };
}

type AdmitRequest = Parameters<Access["admit"]>[0];

class Gate {
  readonly #options: AccessOptions;
  readonly #now: () => number;
  readonly #trust: ProxyTrust;
  readonly #limits: LimitBook;
  readonly #lastUsed: LastUsed;
  readonly #watch = new KeyWatch();
  readonly #logins: Logins | null;
  readonly #authority: Authority;
  readonly #desk: LoginDesk;
  #sweeps = 0;

  constructor(options: AccessOptions) {
    const { keys, counters, log, trustedProxies, now = Date.now } = options;
    this.#options = options;
    this.#now = now;
    this.#trust = typeof trustedProxies === "number" ? trustedProxies : networksOf(...trustedProxies);
    this.#limits = new LimitBook(options.limits, counters, options.monotonic ?? (() => performance.now()));
    this.#lastUsed = new LastUsed(keys, log, counters);
    const { logins: stored, login: loginLimits = DEFAULT_LOGIN_LIMITS, publicUrl } = options;
    this.#logins = stored ? new Logins({ stored, limits: loginLimits, now, log, counters }) : null;
    this.#authority = { keys, logins: this.#logins, publicUrl, now };
    this.#desk = new LoginDesk({
      authority: this.#authority,
      limits: this.#limits,
      lastUsed: this.#lastUsed,
    });
  }

  get keyless(): boolean {
    return !this.#options.keys.any();
  }

  /** Where keys cannot be read, no page may. */
  allowsOrigin(request: Pick<IncomingMessage, "headers">): boolean {
    try {
      return originAllowed(request, this.#options, this.keyless);
    } catch (error) {
      if (error instanceof LinescribeError) return false;
      throw error;
    }
  }

  clientOf(request: Pick<IncomingMessage, "headers" | "socket">): ClientAddress {
    return clientAddress(request, this.#trust);
  }

  admit(request: AdmitRequest, scope: Scope): Admission {
    return this.#counted("admitted", request, (client) => this.#admit(request, scope, client));
  }

  logIn(request: IncomingMessage, keyText: string): CookieChange | Refusal {
    return this.#counted("loggedIn", request, ({ text }) => this.#desk.logIn(request, keyText, text));
  }

  logOut(request: IncomingMessage): CookieChange | Refusal {
    return this.#counted("loggedOut", request, ({ text }) => this.#desk.logOut(request, text));
  }

  #counted<T extends { ok: true }>(
    name: string,
    request: Pick<IncomingMessage, "headers" | "socket">,
    work: (client: ClientAddress) => T | Refusal,
  ): T | Refusal {
    const client = this.clientOf(request);
    const outcome = this.#guarded(() => work(client));
    const { counters, log } = this.#options;
    counters.add(outcome.ok ? `access.${name}` : `access.refused.${outcome.code}`);
    if (!outcome.ok) log.debug({ code: outcome.code, address: client.text }, "access refused");
    return outcome;
  }

  /** Cheapest first; what strangers do is counted before anything is looked up for them. */
  #admit(request: AdmitRequest, scope: Scope, client: ClientAddress): Admission {
    const visit: Visit = request.headers.upgrade === undefined ? "request" : "socket";
    const address = peerKey(client.text);
    const tooOften = this.#limits.arrive(visit, "address", address);
    if (tooOften) return tooOften;
    const keyless = this.keyless;
    if (!originAllowed(request, this.#options, keyless))
      return refusal("ACCESS_BAD_ORIGIN", "Web pages of this origin may not connect; see access.origins");
    if (keyless) return this.#admitLocal(request, scope, client);
    const key = authenticate(request, scope, this.#authority);
    if ("ok" in key) return key;
    const keyTooOften = this.#limits.arrive(visit, "key", key.id);
    if (keyTooOften) return keyTooOften;
    const leave = this.#limits.enter(address, key.id);
    if (typeof leave !== "function") return leave;
    this.#lastUsed.mark(key.id, this.#now());
    return this.#open(client.text, key, leave);
  }

  #admitLocal(request: AdmitRequest, scope: Scope, client: ClientAddress): Admission {
    const trace = remoteTrace(request, client);
    if (trace !== null) {
      const message = `Without an API key only this machine is answered, and ${trace}`;
      return refusal("ACCESS_LOOPBACK_ONLY", message);
    }
    if (scope === "admin") return refusal("ACCESS_SCOPE_MISSING", 'The scope "admin" needs a key');
    const leave = this.#limits.enter(peerKey(client.text), null);
    return typeof leave === "function" ? this.#open(client.text, null, leave) : leave;
  }

  #open(address: string, key: OpenKey | null, leave: () => void): Admitted {
    const { maximumSessionMs } = this.#options;
    const ended = new AbortController();
    const watched = key && this.#watch.open(key.id, key.hash, ended);
    const forgetLogin = key?.tokenHash && this.#logins?.watch(key.tokenHash, ended);
    return {
      ok: true,
      keyId: key?.id ?? null,
      address,
      maximumSessionMs: Math.min(maximumSessionMs, (key?.endsAt ?? Infinity) - this.#now()),
      signal: ended.signal,
      release() {
        leave();
        watched?.forget();
        forgetLogin?.();
      },
    };
  }

  /** A store that cannot be read lets nobody in, and says so. */
  #guarded<T extends { ok: true }>(work: () => T | Refusal): T | Refusal {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof LinescribeError)) throw error;
      this.#options.log.error({ code: error.code, reason: messageOf(error) }, "keys could not be read");
      return refusal("STORE_FAILED", "Keys cannot be read at the moment", SWEEP_MS);
    }
  }

  sweep(): void {
    try {
      this.#watch.sweep((id) => this.#options.keys.get(id), this.#now());
      this.#logins?.sweep();
    } catch (error) {
      this.#options.counters.add("access.sweepFailed");
      this.#options.log.warn({ reason: messageOf(error) }, "open sessions were not compared with the keys");
    }
    this.#sweeps += 1;
    if (this.#sweeps % SWEEPS_PER_SAVE === 0) this.save();
  }

  save(): void {
    this.#lastUsed.save();
  }
}
