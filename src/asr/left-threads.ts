/**
 * Threads that hang in native code and were turned away from: each ends when it comes out of it.
 */
import type { Worker } from "node:worker_threads";
import { endWorker } from "../base/worker.ts";

export class LeftThreads {
  readonly #hanging = new Set<Promise<void>>();

  /** How many have not ended. */
  get size(): number {
    return this.#hanging.size;
  }

  leave(worker: Worker): void {
    const left = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    this.#hanging.add(left);
    void left.then(() => this.#hanging.delete(left));
    void endWorker(worker, true, 0);
  }

  /** Resolves when all have ended, or after `ms`. */
  async ended(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([Promise.all(this.#hanging), late]);
    clearTimeout(timer);
  }
}
