/**
 * How many calls one machine carries: a real server process, real media sockets, N calls at once in real time, each with
 * other clips and another start.
 *
 * Three loads: `partials` and `finals` have one track with 88 % speech, `twoTrack` two with 45 % each. Of each load N
 * rises until a call is no longer held; `held.ts` says what that means.
 *
 * `npm run bench -- calls [DIR] [LOADS] [NS]`, for example `calls ../speech partials,finals 8,10,12`.
 */
import { printBusy } from "./busy.ts";
import { climb, heldOf } from "./climb.ts";
import { type Clip, readClips, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { LOADS, type Load, SocketCalls, type SocketOutcome } from "./socket-calls.ts";
import { machineGflops, machineName, owedShare, REFERENCE_GFLOPS } from "./yardstick.ts";

const LADDER = [1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 25, 30, 40, 50, 60];

/** The goals, and the floors of `--check`; calls on two cores as fast as those of `owedShare`. */
const EXPECTED = { partials: { goal: 20, floor: 10 }, finals: { goal: 40, floor: 20 } } as const;

/** Columns of what carrying the calls took. */
export const SERVER_HEADINGS = ["server CPU", "own CPU", "RSS MB", "loop p99"];

export function serverCells({ figures, ownCpu, seconds }: SocketOutcome): string[] {
  return [
    (figures.cpuMs / seconds / 1000).toFixed(2),
    ownCpu.toFixed(2),
    `${figures.rssMb}`,
    figures.loopP99Ms.toFixed(1),
  ];
}

export async function run(args: string[], { json, check }: BenchOptions): Promise<void> {
  const [folder, loads = LOADS.join(), counts = LADDER.join()] = args;
  const clips = readClips(speechFolder(folder));
  const gflops = await machineGflops(2);
  console.log(`${machineName()}, ${Math.round(gflops)} GFLOP/s float32 on 2 threads`);
  console.log("the calls and the receiver run on the same cores as the server\n");
  const ladder = counts.split(",").map(Number);
  const held: Partial<Record<Load, number>> = {};
  for (const load of LOADS.filter((name) => loads.split(",").includes(name))) {
    held[load] = await heldCalls(load, clips, ladder);
    console.log(`${load}: ${held[load]} calls held\n`);
  }
  for (const [load, { goal, floor }] of Object.entries(EXPECTED)) {
    const reached = held[load as Load];
    if (reached === undefined) continue;
    // A ladder that ends lower asks for its end.
    const owed = Math.min(Math.floor(floor * owedShare(gflops)), Math.max(...ladder));
    const verdict = reached < owed ? `beyond the limit of ${owed}` : `at least ${owed}`;
    console.log(
      `${load}: ${reached} of ${goal} calls, ${verdict} (${floor} on a machine of ${REFERENCE_GFLOPS} GFLOP/s)`,
    );
    if (check && reached < owed) process.exitCode = 1;
  }
  if (!json) return;
  const [heldWithPartials, heldFinalsOnly, heldTwoTrack] = LOADS.map((load) => held[load] ?? null);
  console.log(JSON.stringify({ heldWithPartials, heldFinalsOnly, heldTwoTrack }));
}

/** The most calls that were held, of one load. */
async function heldCalls(load: Load, clips: readonly Clip[], ladder: readonly number[]): Promise<number> {
  const calls = await SocketCalls.start({ load, clips });
  console.log(`${load}: server with ${calls.description}`);
  try {
    const rungs = await climb({
      ladder,
      partials: load !== "finals",
      measure: (count) => calls.measure(count),
      headings: SERVER_HEADINGS,
      cells: serverCells,
    });
    printBusy(rungs);
    return heldOf(rungs);
  } finally {
    await calls.stop();
  }
}
