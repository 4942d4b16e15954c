/**
 * Gives the workers of a crew that are free something to do: at once, or when a batch has had time to gather.
 */
import type { Crew } from "./crew.ts";
import type { Job } from "./job.ts";
import { PRIORITIES, type Schedule } from "./schedule.ts";

export class Feeder {
  readonly #schedule: Schedule<Job>;
  readonly #crew: Crew;
  readonly #again: () => void;
  #gathering: NodeJS.Timeout | undefined;

  /** @param again - Called when what waits has gathered: to feed again. */
  constructor(schedule: Schedule<Job>, crew: Crew, again: () => void) {
    this.#schedule = schedule;
    this.#crew = crew;
    this.#again = again;
  }

  /**
   * Gives every free worker something to do; in batches only when more waits than workers are free. Files leave one
   * worker to live calls, if there are two: an inference that runs cannot be interrupted.
   *
   * @param accepts - What the crew may have.
   */
  feed(accepts: (job: Job) => boolean): void {
    const { free } = this.#crew;
    if (free.length === 0 || this.#gathers(accepts)) return;
    for (const [index, thread] of free.entries()) {
      const others = free.length - index - 1;
      const waiting = this.#schedule.live || this.#schedule.length;
      const files = this.#crew.takesFiles;
      const jobs = this.#schedule.take(thread.rules, {
        rows: Math.min(thread.rules.rows, waiting - others),
        accepts: (job) => accepts(job) && (files || job.priority !== "file"),
      });
      if (jobs.length === 0) return;
      void this.#crew.recognise(thread, jobs);
    }
  }

  close(): void {
    clearTimeout(this.#gathering);
  }

  /** Whether what waits should wait a little longer for others. */
  #gathers(accepts: (job: Job) => boolean): boolean {
    const { gatherMs, rows } = this.#crew.rules;
    if (gatherMs === 0 || this.#schedule.length >= rows) return false;
    const waiting = PRIORITIES.flatMap((priority) => this.#schedule.waiting(priority)).filter(accepts);
    const since = Math.min(...waiting.map(({ submittedAt }) => submittedAt));
    const leftMs = since + gatherMs - performance.now();
    if (waiting.length === 0 || leftMs <= 0) return false;
    clearTimeout(this.#gathering);
    this.#gathering = setTimeout(this.#again, leftMs);
    return true;
  }
}
