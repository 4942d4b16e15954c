/**
 * Wires the API of calls.
 */
import type { Access } from "../access/access.ts";
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import { CallsApi } from "../rest/calls-api.ts";
import type { Store } from "../store/store.ts";

/** Each is milliseconds of work; more at once are people in a hurry, or a program that runs wild. */
const MAXIMUM_REQUESTS = 32;

export interface CallsApiParts {
  store: Store;
  access: Pick<Access, "admit">;
  /** Told when deliveries are due again. */
  onResent(): void;
  logger: Logger;
  counters: Counters;
}

export function createCallsApi({ store, ...parts }: CallsApiParts): CallsApi {
  return new CallsApi({
    ...parts,
    store,
    scopesOf: (keyId) => store.keys.get(keyId)?.scopes ?? [],
    maximumRequests: MAXIMUM_REQUESTS,
  });
}
