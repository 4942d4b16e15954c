/**
 * How many threads speech detection gets.
 */
import os from "node:os";
import type { ConfigFile } from "./config-schema.ts";

/** A call has two, and so has a session of interleaved channels. */
const TRACKS_EACH = 2;
/** Tracks that one thread carries with time to spare; `npm run bench -- vad` measures how many it really does. */
const TRACKS_PER_WORKER = 400;
/** Cores that there must be for each worker: recognition has the rest of them. */
const CORES_PER_WORKER = 4;

/** The configured number, or one for every 400 tracks that `limits` admit, on a machine that has the cores for them. */
export function chooseVadWorkers(
  { workers }: Pick<ConfigFile["vad"], "workers">,
  { calls, sessions }: Pick<ConfigFile["limits"], "calls" | "sessions">,
  cores = os.availableParallelism(),
): number {
  if (workers > 0) return workers;
  const wanted = Math.ceil((TRACKS_EACH * (calls + sessions)) / TRACKS_PER_WORKER);
  return Math.max(1, Math.min(wanted, Math.floor(cores / CORES_PER_WORKER), 64));
}
