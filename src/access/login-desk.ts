/**
 * Logs browsers in and out: from pages of ours only, and within the limits of any other request.
 */
import type { IncomingMessage } from "node:http";
import { peerKey } from "../base/ip-address.ts";
import { type Authority, keyProblem, openKey } from "./authenticate.ts";
import { loginCookie, loginTokenOf, noLoginCookies } from "./cookie.ts";
import { parseKeyText } from "./key.ts";
import type { LastUsed } from "./last-used.ts";
import type { LimitBook } from "./limits.ts";
import { fromOwnPage, isSecurePage } from "./own-page.ts";
import { type Refusal, refusal } from "./refusal.ts";

/** A browser logged in, or out. */
export interface CookieChange {
  ok: true;
  /** Values of `Set-Cookie`. */
  cookies: string[];
}

export interface LoginDeskOptions {
  authority: Authority;
  limits: LimitBook;
  lastUsed: LastUsed;
}

export class LoginDesk {
  readonly #options: LoginDeskOptions;

  constructor(options: LoginDeskOptions) {
    this.#options = options;
  }

  /** @param address - The client's. */
  logIn(request: IncomingMessage, keyText: string, address: string): CookieChange | Refusal {
    const { authority, limits, lastUsed } = this.#options;
    const refused = this.#arrive(request, address);
    if (refused) return refused;
    const given = parseKeyText(keyText);
    if (given === null || authority.logins === null) return keyProblem("unknown");
    const key = openKey(given, null, authority);
    if ("ok" in key) return key;
    const tooOften = limits.arrive("request", "key", key.id);
    if (tooOften) return tooOften;
    const { token, maximumMs } = authority.logins.create(key, key.endsAt);
    const secure = isSecurePage(request, authority.publicUrl);
    lastUsed.mark(key.id, authority.now());
    return { ok: true, cookies: [loginCookie(token, { secure, maximumMs })] };
  }

  /** @param address - The client's. */
  logOut(request: IncomingMessage, address: string): CookieChange | Refusal {
    const { logins, publicUrl } = this.#options.authority;
    const refused = this.#arrive(request, address);
    if (refused) return refused;
    const token = loginTokenOf(request, isSecurePage(request, publicUrl));
    if (token !== null) logins?.end(token);
    return { ok: true, cookies: noLoginCookies() };
  }

  #arrive(request: IncomingMessage, address: string): Refusal | null {
    const { authority, limits } = this.#options;
    const tooOften = limits.arrive("request", "address", peerKey(address));
    if (tooOften) return tooOften;
    if (fromOwnPage(request, authority.publicUrl)) return null;
    return refusal("ACCESS_BAD_ORIGIN", "Only pages of this server may do this");
  }
}
