/**
 * Decodes in this thread what the decoder gives to a worker: starting a thread takes longer than most files.
 */
import { EventEmitter } from "node:events";
import type { Worker } from "node:worker_threads";
import { LinescribeError, messageOf } from "../../src/base/error.ts";
import { malformed } from "../../src/media/block.ts";
import { blocksOf } from "../../src/media/blocks.ts";
import { Funnel } from "../../src/media/funnel.ts";
import type { MediaAnswer, MediaWorkerData } from "../../src/media/media-worker.ts";

/** For tests whose subject is not the thread; blocks the event loop while it decodes. */
export function createNearWorker({ kind, bytes, maximumDurationMs, layout }: MediaWorkerData): Worker {
  const worker = Object.assign(new EventEmitter(), { terminate: async () => 0 });
  const answer = (message: MediaAnswer) => worker.emit("message", message);
  setImmediate(async () => {
    try {
      const emit = (s16: Int16Array, track: number) => answer({ type: "sound", track, s16 });
      const funnel = new Funnel(maximumDurationMs, emit, layout);
      for await (const block of blocksOf(kind, bytes)) funnel.push(block);
      funnel.end();
      if (funnel.samples === 0) throw malformed("The file holds no sound");
      answer({ type: "done" });
    } catch (error) {
      const code = error instanceof LinescribeError ? error.code : "MEDIA_MALFORMED";
      answer({ type: "failed", code, message: messageOf(error) });
    }
  });
  return worker as unknown as Worker;
}
