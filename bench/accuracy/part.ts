/**
 * What a part of the accuracy bench is given and what it returns.
 */
import type { Engine } from "../../src/app/engine.ts";
import type { Clip } from "../corpus.ts";
import type { Limit } from "./limits.ts";
import type { Row } from "./score.ts";

export interface PartContext {
  engine: Engine;
  clips: readonly Clip[];
  /** Spoken digits; empty where the folder has none. */
  digits: readonly Clip[];
  /** Where Debian's packages with recordings are unpacked; null where there are none. */
  root: string | null;
}

export interface PartResult {
  rows: Row[];
  notes: string[];
  checks: { limit: Limit; value: number }[];
  /** What must never happen. */
  faults: string[];
  /** For the JSON line. */
  figures: Record<string, unknown>;
}

/** A result that says something; what was measured is added to it. */
export function noted(note: string): PartResult {
  return { rows: [], notes: [note], checks: [], faults: [], figures: {} };
}

export function round(value: number, digits = 4): number {
  return Number(value.toFixed(digits));
}
