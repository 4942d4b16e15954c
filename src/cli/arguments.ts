/**
 * Reads what people type behind an option; whatever is not understood is a usage error.
 */
import { type Command, InvalidArgumentError } from "commander";
import type { OutboxSelection, OutboxState } from "../store/upkeep.ts";
import type { Speed } from "./replay/call-clock.ts";

/** Beyond this a replayer measures its own machine. */
const CALLS_MAXIMUM = 1000;
const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function whole(text: string, minimum: number, maximum: number): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= minimum && number <= maximum) return number;
  throw new InvalidArgumentError(`Expected a whole number from ${minimum} to ${maximum}.`);
}

export function port(text: string): number {
  return whole(text, 0, 65_535);
}

export function calls(text: string): number {
  return whole(text, 1, CALLS_MAXIMUM);
}

export function speed(text: string): Speed {
  if (text === "max") return text;
  const factor = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (factor > 0 && Number.isFinite(factor)) return factor;
  throw new InvalidArgumentError('Expected a number above 0, or "max".');
}

export function httpUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError("Expected a URL with http or https.");
}

export function outboxState(text: string): OutboxState {
  if (text === "pending" || text === "dead" || text === "delivered") return text;
  throw new InvalidArgumentError("Expected pending, dead or delivered.");
}

/** A moment as epoch ms: an ISO 8601 date, or how long ago (`30m`, `12h`, `7d`). */
export function since(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (amount && unit) return Date.now() - Number(amount) * (UNITS_MS[unit] as number);
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new InvalidArgumentError("Expected a date such as 2026-11-22T10:00Z, or 30m, 12h, 7d.");
}

/** One more id of a list. */
export function id(text: string, others: readonly number[] = []): number[] {
  return [...others, whole(text, 1, Number.MAX_SAFE_INTEGER)];
}

/** Ids, `--all` or `--since`: exactly one of them. */
export function selection(
  ids: readonly number[] = [],
  options: { all?: boolean; since?: number },
  command: Pick<Command, "error">,
): OutboxSelection {
  const given = [ids.length > 0, options.all === true, options.since !== undefined].filter(Boolean);
  if (given.length !== 1) command.error("error: expected ids, --all or --since, and only one of them");
  if (options.since !== undefined) return { since: options.since };
  return options.all ? { all: true } : { ids };
}
