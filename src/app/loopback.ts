/**
 * Who may use the API while there are no keys: programs on this machine.
 */
import type { IncomingMessage } from "node:http";
import type { Admission } from "../api/port.ts";

const MAXIMUM_SESSION_MS = 3_600_000;
/** What proxies add: a request with one comes from somewhere else, whoever hands it over. */
const FORWARDING = ["forwarded", "x-forwarded-for", "x-real-ip"];
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Lets in what comes from loopback, was asked for by a name of loopback (a page elsewhere may point its own name at us)
 * and was not sent by a page of another origin.
 */
export async function admitLoopback(request: IncomingMessage): Promise<Admission> {
  const { headers, socket } = request;
  const address = socket.remoteAddress ?? "";
  const local = address === "::1" || /^(::ffff:)?127\./.test(address);
  const forwarded = FORWARDING.some((name) => headers[name] !== undefined);
  const host = headers.host ?? "";
  const origin = headers.origin ?? `http://${host}`;
  if (local && !forwarded && LOCAL_HOST.test(host) && origin === `http://${host}`) {
    return { ok: true, keyId: null, address, maximumSessionMs: MAXIMUM_SESSION_MS, release() {} };
  }
  const message = "Only programs on this machine are let in";
  return { ok: false, status: 403, closeCode: 1008, code: "REQUEST_NOT_LOCAL", message };
}
