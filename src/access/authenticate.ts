/**
 * Which key a request has: the one it carries, or the one that its browser logged in with.
 */
import type { IncomingMessage } from "node:http";
import type { Keys } from "../store/keys.ts";
import { loginTokenOf } from "./cookie.ts";
import { credentialOf } from "./credential.ts";
import { allows, endOf, type KeyText, parseKeyText, type Scope, verifyKey } from "./key.ts";
import type { Logins } from "./logins.ts";
import { fromOwnPage, isSecurePage } from "./own-page.ts";
import { type Refusal, type RefusalCode, refusal } from "./refusal.ts";
import { KEY_PROBLEMS } from "./watch.ts";

/** A key that opens something. */
export interface OpenKey extends KeyText {
  /** When it stops working, or the login does, epoch ms. */
  endsAt: number;
  /** Of the login, when the request came by one. */
  tokenHash?: Uint8Array;
}

export interface Authority {
  keys: Pick<Keys, "get">;
  /** Null: no browser can log in. */
  logins: Logins | null;
  publicUrl: string | null;
  /** Epoch ms. */
  now: () => number;
}

type AuthRequest = Pick<IncomingMessage, "headers" | "method">;

/** A key in the request counts before a cookie: whoever sends one means it. */
export function authenticate(request: AuthRequest, scope: Scope, authority: Authority): OpenKey | Refusal {
  const credential = credentialOf(request);
  if (credential.kind === "unreadable") return keyProblem("unknown");
  if (credential.kind === "none") return byLogin(request, scope, authority);
  const given = parseKeyText(credential.text);
  return given === null ? keyProblem("unknown") : openKey(given, scope, authority);
}

/** The key of a text that opens what `scope` needs; null: whatever it opens. */
export function openKey(given: KeyText, scope: Scope | null, { keys, now }: Authority): OpenKey | Refusal {
  const key = keys.get(given.id);
  const verdict = verifyKey(key, given.hash, now());
  if (verdict !== "ok" || key === null) return keyProblem(verdict === "ok" ? "unknown" : verdict);
  if (scope !== null && !allows(key.scopes, scope))
    return refusal("ACCESS_SCOPE_MISSING", `The key does not have the scope "${scope}"`);
  return { ...given, endsAt: endOf(key, given.hash) };
}

function byLogin(request: AuthRequest, scope: Scope, authority: Authority): OpenKey | Refusal {
  const { logins, publicUrl } = authority;
  const missing = refusal("ACCESS_KEY_MISSING", "Expected an API key");
  if (logins === null || loginTokenOf(request, false) === null) return missing;
  if (!fromOwnPage(request, publicUrl))
    return refusal("ACCESS_BAD_ORIGIN", "A login works for pages of this server only");
  const token = loginTokenOf(request, isSecurePage(request, publicUrl));
  if (token === null) return missing;
  const login = logins.find(token);
  if (login === null) return refusal("ACCESS_LOGIN_EXPIRED", "The login has ended");
  const key = openKey(login.key, scope, authority);
  if ("ok" in key) return key;
  return { ...key, endsAt: Math.min(key.endsAt, login.endsAt), tokenHash: login.tokenHash };
}

export function keyProblem(verdict: keyof typeof KEY_PROBLEMS): Refusal {
  const [code, message]: readonly [RefusalCode, string] = KEY_PROBLEMS[verdict];
  return refusal(code, message);
}
