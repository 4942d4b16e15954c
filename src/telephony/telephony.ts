/**
 * Puts the room together: one set of tokens shared by the webhooks, the media socket and the carrier's API.
 */
import type { IncomingMessage } from "node:http";
import type { Router } from "express";
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { UpgradeSource } from "../base/upgrade.ts";
import { mediaAddress, publicAddress, STREAM_PATH } from "./address.ts";
import { CarrierApi, type CarrierApiOptions } from "./carrier-api.ts";
import type { SocketLimits } from "./deadlines.ts";
import { FinishedStreams } from "./finished.ts";
import { attachMediaSocket, type MediaSocket } from "./media-socket.ts";
import type { NumberEntry, TelephonyPort } from "./port.ts";
import { telephonyRoutes } from "./routes.ts";
import type { SignatureKeys, UpgradePolicy } from "./signature.ts";
import { StreamTokens, TOKEN_PARAMETER } from "./token.ts";
import { Twiml } from "./twiml.ts";

export interface TelephonyOptions {
  port: TelephonyPort;
  /** Auth tokens and public URLs; read at each request, because a test's port is known late. */
  keys: () => SignatureKeys;
  /** Leaves signatures unchecked, those of upgrades included. Tokens are checked all the same. */
  insecure?: boolean | undefined;
  /** Default `ifPresent`, see `UpgradePolicy`. */
  upgradePolicy?: UpgradePolicy | undefined;
  tokenKey: Uint8Array;
  tokenTtlMs?: number | undefined;
  maximumRecoveries?: number | undefined;
  limits?: Partial<SocketLimits> | undefined;
  maximumSockets?: number | undefined;
  maximumUnauthenticatedPerAddress?: number | undefined;
  addressOf?: ((request: IncomingMessage) => string) | undefined;
  /** Credentials of the carrier's REST API, or null: then a `<Start>` stream that dies stays dead. */
  carrierApi?: Omit<CarrierApiOptions, "counters"> | null | undefined;
  log: Logger;
  counters: Counters;
  now?: (() => number) | undefined;
  monotonic?: (() => number) | undefined;
  every?: ((intervalMs: number, task: () => void) => () => void) | undefined;
}

export interface Telephony {
  readonly router: Router;
  /** Serves the media socket on the upgrades of `source`. */
  attach(source: UpgradeSource): MediaSocket;
  /** Whether `restartStream` can work. */
  readonly canRestart: boolean;
  /**
   * Starts another stream on a live `start` call. Returns its streamSid.
   *
   * @throws {LinescribeError} CARRIER_API_FAILED
   */
  restartStream(callSid: string, entry: NumberEntry): Promise<string>;
}

export function createTelephony(options: TelephonyOptions): Telephony {
  const { port, keys, log, counters, insecure = false, now = Date.now } = options;
  const tokens = new StreamTokens({ key: options.tokenKey, ttlMs: options.tokenTtlMs, now, counters });
  const shared = { port, keys, log, counters, tokens, finished: new FinishedStreams(counters) };
  const api = options.carrierApi ? new CarrierApi({ ...options.carrierApi, counters }) : null;

  return {
    router: telephonyRoutes({
      ...shared,
      insecure,
      twiml: new Twiml(),
      maximumRecoveries: options.maximumRecoveries,
    }),
    canRestart: api !== null,
    attach: (source) =>
      attachMediaSocket(source, {
        ...shared,
        upgradePolicy: insecure ? "off" : (options.upgradePolicy ?? "ifPresent"),
        limits: options.limits,
        maximumSockets: options.maximumSockets,
        maximumUnauthenticatedPerAddress: options.maximumUnauthenticatedPerAddress,
        addressOf: options.addressOf,
        now,
        monotonic: options.monotonic ?? (() => performance.now()),
        every: options.every,
      }),
    async restartStream(callSid, entry) {
      if (api === null) throw new TypeError("Expected credentials of the carrier's API, got none");
      const { publicUrl, mediaUrl = publicUrl } = keys();
      const { token, streamName } = tokens.mint(callSid);
      return await api.startStream({
        callSid,
        url: mediaAddress(mediaUrl),
        name: streamName,
        tracks: entry.tracks,
        statusCallback: publicAddress(publicUrl, STREAM_PATH),
        parameters: { ...entry.parameters, [TOKEN_PARAMETER]: token },
      });
    },
  };
}
