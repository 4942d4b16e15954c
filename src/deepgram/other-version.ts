/**
 * Says no to `/v2/listen`: its turn events are another protocol.
 */
import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { refuseUpgrade, type UpgradeSource } from "../base/upgrade.ts";

export const OTHER_PATH = "/v2/listen";

/** The answer to a request, an upgrade or not. */
export function otherVersion(): { body: object; headers: Record<string, string> } {
  const message = `There is no ${OTHER_PATH} here: its turn events are another protocol; use /v1/listen`;
  const id = randomUUID();
  return {
    body: { err_code: "NOT_FOUND", err_msg: message, request_id: id },
    headers: { "dg-request-id": id, "dg-error": message },
  };
}

/** Refuses the upgrades of a source. */
export function refuseOtherVersion(source: UpgradeSource): void {
  source.on("upgrade", (_request: unknown, socket: Duplex) => {
    const { body, headers } = otherVersion();
    refuseUpgrade(socket, 404, body, headers);
  });
}
