/**
 * The configuration that the slow tests give to their servers.
 */

import { SECRET } from "../e2e/receiver.ts";
import { AUTH_TOKEN } from "../e2e/rig.ts";

export const START_NUMBER = "+15550100200";
export const CONNECT_NUMBER = "+15550100100";
export const SPANISH_NUMBER = "+15550100300";
export const PUBLIC_URL = "https://calls.example.com";

/** In the shape of the configuration file. */
export function slowSettings(own: {
  port: number;
  callbackUrl: string;
  storePath: string;
  limits?: Record<string, number>;
  logLevel?: string;
}): Record<string, unknown> {
  return {
    host: "127.0.0.1",
    port: own.port,
    publicUrl: PUBLIC_URL,
    twilio: { authTokens: [AUTH_TOKEN] },
    callback: { url: own.callbackUrl, secrets: [SECRET] },
    store: { path: own.storePath },
    logLevel: own.logLevel ?? "info",
    limits: own.limits ?? {},
    numbers: [
      { number: "*", mode: "connect" },
      {
        number: START_NUMBER,
        mode: "start",
        tracks: ["inbound", "outbound"],
        labels: { inbound: "caller", outbound: "agent" },
        then: { dial: "+15550109999" },
      },
      { number: SPANISH_NUMBER, mode: "connect", language: "es" },
    ],
  };
}
