/**
 * A store, a clock that a test moves and a sender on top of them.
 */
import type { TestContext } from "node:test";
import { Counters } from "../../src/base/counters.ts";
import type { Logger } from "../../src/base/log.ts";
import { DeliverySender } from "../../src/delivery/sender.ts";
import type { DeliverySenderOptions } from "../../src/delivery/sender-options.ts";
import { createSecret } from "../../src/delivery/signing.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { final, sampleCall, temporaryFile } from "../store/sample.ts";

export interface Rig {
  store: Store;
  sender: DeliverySender;
  counters: Counters;
  secret: string;
  /** Every log message with its fields, as JSON. */
  logged: string[];
  clock: { at: number };
  /** Another sender on the same store, as after a restart. */
  another(): DeliverySender;
  /** Opens a call and commits `finals` finals of it. */
  call(callSid: string, endpoint: string, finals: number): void;
  /** Moves the clock and waits until nothing more can be sent at that time. */
  advance(ms: number): Promise<void>;
}

export function recordingLogger(logged: string[]): Logger {
  const record = (fields: object, message: string) =>
    void logged.push(JSON.stringify({ ...fields, message }));
  const logger: Logger = { debug: record, info: record, warn: record, error: record, child: () => logger };
  return logger;
}

/** The sender is not started; its clock stands still unless `options.now` says otherwise. */
export function createRig(context: TestContext, options: Partial<DeliverySenderOptions> = {}): Rig {
  const clock = { at: Date.now() };
  const now = options.now ?? (() => clock.at);
  const store = openStore({ path: temporaryFile(context), now });
  const senders: DeliverySender[] = [];
  context.after(async () => {
    for (const one of senders) await one.stop(0);
    store.close();
  });
  const counters = new Counters();
  const secret = createSecret();
  const logged: string[] = [];
  const create = () => {
    const made = new DeliverySender({
      store,
      endpoints: (endpoint) => ({ url: endpoint, secrets: [secret] }),
      logger: recordingLogger(logged),
      counters,
      now,
      random: () => 1,
      ...options,
    });
    senders.push(made);
    return made;
  };
  const sender = create();
  return {
    store,
    sender,
    counters,
    secret,
    logged,
    clock,
    another: create,
    call(callSid, endpoint, finals) {
      store.openCall(sampleCall(callSid, { endpoint }));
      for (let number = 1; number <= finals; number += 1) {
        store.commit(callSid, [final(number, "inbound", `spoken-${callSid}-${number}`)]);
      }
    },
    async advance(ms) {
      clock.at += ms;
      await sender.quiet();
    },
  };
}
