import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import type { Worker } from "node:worker_threads";
import { CARD_RULES } from "../../src/asr/batch-rules.ts";
import { WhisperThread } from "../../src/asr/whisper-thread.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { MODEL } from "./clips.ts";

/** A thread that hangs: it says nothing and does not end. */
function hanging(): Worker {
  const worker = Object.assign(new EventEmitter(), { threadId: 1, unref() {}, terminate: async () => 1 });
  return worker as unknown as Worker;
}

test("a worker that is not ready by its deadline has failed for that reason", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const failures: string[] = [];
  const device = { kind: "cuda", card: 0 } as const;
  const thread = new WhisperThread({
    data: { ...MODEL, threads: 1, spin: false, device, rules: CARD_RULES, niceness: 0, warmUpBeam: 3 },
    restart: { delayMs: () => 1000, steadyMs: 0 },
    spawn: hanging,
    onFree: () => {},
    onStartFailed: ({ code }) => void failures.push(code),
    logger: silentLogger,
    counters: new Counters(),
  });
  const start = thread.start();
  t.mock.timers.tick(119_999);
  assert.deepEqual(failures, []);
  t.mock.timers.tick(1);
  await assert.rejects(start, {
    code: "ASR_TIMEOUT",
    message: "A recognition worker was not ready after 120 s",
  });
  assert.deepEqual(failures, ["ASR_TIMEOUT"]);
  const closed = thread.close();
  t.mock.timers.tick(10_000);
  await closed;
});
