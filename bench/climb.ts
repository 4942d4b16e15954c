/**
 * Climbs a ladder of numbers of calls up until they are not held, or down until they are, and prints a row for each rung.
 */
import { DELAY_HEADINGS, type Delays, delayCells, faultsOf } from "./held.ts";

const CELL = 11;

/** A line of a table, its cells under each other's. */
export function tableRow(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(CELL)).join("");
}

export interface Climb<T extends Delays> {
  /** Rising. */
  ladder: readonly number[];
  direction?: "up" | "down";
  /** Whether partials are part of the load. */
  partials: boolean;
  measure: (count: number) => Promise<T>;
  /** Columns behind those of `DELAY_HEADINGS`. */
  headings: readonly string[];
  cells: (outcome: T, count: number) => string[];
}

export interface Rung<T> {
  count: number;
  outcome: T;
  faults: string[];
}

/** @returns The rungs that were tried, in order. */
export async function climb<T extends Delays>(options: Climb<T>): Promise<Rung<T>[]> {
  const { ladder, direction = "up", partials, measure, headings, cells } = options;
  console.log(tableRow([...DELAY_HEADINGS, ...headings]));
  const rungs: Rung<T>[] = [];
  for (const count of direction === "up" ? ladder : ladder.toReversed()) {
    const outcome = await measure(count);
    const faults = faultsOf(outcome, { partials });
    rungs.push({ count, outcome, faults });
    console.log(tableRow([...delayCells(count, outcome), ...cells(outcome, count)]));
    for (const fault of faults) console.log(`${"".padStart(CELL)} not held: ${fault}`);
    if (faults.length > 0 === (direction === "up")) break;
  }
  return rungs;
}

/** The most calls that were held; 0 when none were. */
export function heldOf(rungs: readonly Rung<unknown>[]): number {
  return Math.max(0, ...rungs.filter(({ faults }) => faults.length === 0).map(({ count }) => count));
}
