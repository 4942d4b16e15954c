/**
 * What the threads of a server were busy with while calls were played: 1.00 is one thread all the time.
 */
import { type Rung, tableRow } from "./climb.ts";
import type { SocketOutcome } from "./socket-calls.ts";

/** Columns, and the counters of milliseconds that each adds up. */
const WORK = {
  finals: "asr.busyMs.final",
  "in pauses": "asr.busyMs.speculative",
  partials: "asr.busyMs.partial",
  detection: "vad.busyMs",
} as const;

/** Prints a row for each number of calls; threads that wait for a core count as busy. */
export function printBusy(rungs: readonly Rung<SocketOutcome>[]): void {
  console.log("\nthreads busy with");
  console.log(tableRow(["calls", ...Object.keys(WORK), "main", "searched", "again"]));
  for (const { count, outcome } of rungs) {
    const { counters, mainMs } = outcome.figures;
    const share = (ms: number): string => (ms / outcome.seconds / 1000).toFixed(2);
    const searches =
      (counters["asr.recognitions.final"] ?? 0) + (counters["asr.recognitions.speculative"] ?? 0);
    const cells = [
      `${count}`,
      ...Object.values(WORK).map((name) => share(counters[name] ?? 0)),
      share(mainMs),
      `${searches}`,
      `${counters["asr.retries.beam"] ?? 0}`,
    ];
    console.log(tableRow(cells));
  }
}
