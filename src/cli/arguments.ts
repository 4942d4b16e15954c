/**
 * Reads what people type behind an option; whatever is not understood is a usage error.
 */
import { type Command, InvalidArgumentError } from "commander";
import { SCOPES, type Scope } from "../access/key.ts";
import { type HubName, isRevision, parseHubName, SHORT_NAMES } from "../hub/name.ts";
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

/** `30m`, `12h`, `7d` in ms, or NaN. */
function durationMs(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  return amount && unit ? Number(amount) * (UNITS_MS[unit] as number) : Number.NaN;
}

function dateAt(text: string): number {
  return /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
}

/** A moment as epoch ms: an ISO 8601 date, or how long ago (`30m`, `12h`, `7d`). */
export function since(text: string): number {
  const ago = durationMs(text);
  if (!Number.isNaN(ago)) return Date.now() - ago;
  const at = dateAt(text);
  if (!Number.isNaN(at)) return at;
  throw new InvalidArgumentError("Expected a date such as 2026-11-22T10:00Z, or 30m, 12h, 7d.");
}

/** A moment to come as epoch ms: an ISO 8601 date, or how long from now (`12h`, `90d`). */
export function until(text: string): number {
  const ahead = durationMs(text);
  const at = Number.isNaN(ahead) ? dateAt(text) : Date.now() + ahead;
  if (at > Date.now()) return at;
  throw new InvalidArgumentError("Expected a date to come such as 2027-11-22, or 12h, 90d.");
}

/** How long, as ms: `0`, `30m`, `12h`, `7d`. */
export function duration(text: string): number {
  const ms = text === "0" ? 0 : durationMs(text);
  if (!Number.isNaN(ms)) return ms;
  throw new InvalidArgumentError("Expected 0, or 30m, 12h, 7d.");
}

/** Scopes separated by commas, each once, in their order. */
export function scopes(text: string): Scope[] {
  const named = text.split(",");
  const found = SCOPES.filter((scope) => named.includes(scope));
  if (found.length === named.length) return found;
  throw new InvalidArgumentError(`Expected some of ${SCOPES.join()}, each once.`);
}

/** What its owner calls a key. */
export function keyName(text: string): string {
  const name = text.trim();
  if (name.length > 0 && name.length <= 100) return name;
  throw new InvalidArgumentError("Expected a name of 1 to 100 characters.");
}

/** The public half of a key. The key itself is refused, for it would stay in the history of the shell. */
export function keyId(text: string): string {
  if (/^[a-z0-9]{8}$/.test(text)) return text;
  throw new InvalidArgumentError("Expected an id as list shows it: the 8 letters and digits behind ls_.");
}

export function keyIds(text: string, others: readonly string[] = []): string[] {
  return [...others.filter((other) => other !== text), keyId(text)];
}

/** A model on a hub. */
export function hubName(text: string): HubName {
  const name = parseHubName(text);
  if (name !== null) return name;
  throw new InvalidArgumentError(
    `Expected owner/name as the hub calls it, or one of ${Object.keys(SHORT_NAMES).join(", ")}.`,
  );
}

/** What a manifest may call a model. */
export function modelName(text: string): string {
  if (/^(?!\.)[\w.-]{1,80}$/.test(text) && !/\.(onnx|tokenizer)$/.test(text)) return text;
  throw new InvalidArgumentError("Expected a name of letters, digits, dots, dashes, without .onnx.");
}

export function revision(text: string): string {
  if (isRevision(text)) return text;
  throw new InvalidArgumentError("Expected a branch, a tag or a commit.");
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
