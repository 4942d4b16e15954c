/**
 * Access without keys: whoever connects from this machine itself.
 */
import type { AccessPort } from "./port.ts";

/** What a proxy or tunnel on this machine adds: then the client is somewhere else. */
const TRACES = ["forwarded", "via", "x-real-ip"];
const TRACE_PREFIX = "x-forwarded";

/** @param maximumSessionMs - Longest session. */
export function loopbackAccess(maximumSessionMs: number): AccessPort {
  return {
    async admit({ socket, headers }) {
      const address = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
      const local = address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
      const traced = Object.keys(headers).some(
        (name) => name.startsWith(TRACE_PREFIX) || TRACES.includes(name),
      );
      // A web page elsewhere can make a browser on this machine connect; programs send no Origin.
      if (local && !traced && headers.origin === undefined) {
        return { ok: true, keyId: null, address, maximumSessionMs, release() {} };
      }
      const message = "Without API keys only programs on this machine are answered";
      return { ok: false, status: 403, closeCode: 4003, code: "ACCESS_LOOPBACK_ONLY", message };
    },
  };
}
