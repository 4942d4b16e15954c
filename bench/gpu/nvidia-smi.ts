/**
 * What the driver tells of a card while it works, by `nvidia-smi`: what it draws and holds.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Card } from "../../src/cards/card.ts";
import { percentile } from "../percentile.ts";

/** One look at a card; null what the driver does not tell. */
export interface CardSample {
  watts: number | null;
  usedMib: number | null;
  /** Share of the time in which a kernel ran, 0..100. */
  busyPercent: number | null;
}

/** What a card did over some time; null what the driver did not tell. */
export interface CardUse {
  wattsP50: number | null;
  wattsMax: number | null;
  usedMibMax: number | null;
  busyPercentP50: number | null;
}

const COMMAND = "nvidia-smi";
const SAMPLE_FIELDS = "power.draw,memory.used,utilization.gpu";
const FORMAT = "--format=csv,noheader,nounits";
const SAMPLE_MS = 500;

/** One line of `--query-gpu=power.draw,memory.used,utilization.gpu`; null when it is none. */
export function parseSample(line: string): CardSample | null {
  const cells = line.split(",");
  if (cells.length !== SAMPLE_FIELDS.split(",").length) return null;
  const [watts, usedMib, busyPercent] = cells.map(numberOf) as [number | null, number | null, number | null];
  return { watts, usedMib, busyPercent };
}

/** `[N/A]`, `[Not Supported]` and the like are no number. */
function numberOf(cell: string): number | null {
  return /^\d+(\.\d+)?$/.test(cell.trim()) ? Number(cell) : null;
}

/** What several looks come to. */
export function useOf(samples: readonly CardSample[]): CardUse {
  const told = (field: keyof CardSample) =>
    samples.map((sample) => sample[field]).filter((value) => value !== null);
  const most = (values: number[]) => (values.length ? Math.max(...values) : null);
  const middle = (values: number[]) => (values.length ? percentile(values, 0.5) : null);
  return {
    wattsP50: middle(told("watts")),
    wattsMax: most(told("watts")),
    usedMibMax: most(told("usedMib")),
    busyPercentP50: middle(told("busyPercent")),
  };
}

/**
 * Looks at a card twice a second until it is stopped.
 *
 * @returns Ends it and tells what was seen since, or null when nothing was.
 */
export function watchCard({ uuid }: Pick<Card, "uuid">): () => CardUse | null {
  const samples: CardSample[] = [];
  const child = spawn(
    COMMAND,
    [`--query-gpu=${SAMPLE_FIELDS}`, FORMAT, `--id=${uuid}`, `--loop-ms=${SAMPLE_MS}`],
    {
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  child.once("error", () => {});
  createInterface({ input: child.stdout }).on("line", (line) => {
    const sample = parseSample(line);
    if (sample) samples.push(sample);
  });
  return () => {
    child.kill();
    return samples.length > 0 ? useOf(samples) : null;
  };
}
