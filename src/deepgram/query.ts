/**
 * The query of an address by the table of options: what is unknown, repeated or unsupported is refused by name.
 */
import { badOption } from "../http/api-error.ts";
import { OPTIONS, type Surface } from "./option-table.ts";

/** What clients send for an option that has no value: the text of `undefined` and `null`, or nothing. */
const ABSENT = new Set(["", "undefined", "null"]);
/** A name that a stranger chose is repeated up to here. */
const SHOWN_CHARACTERS = 40;
/** Faults that one message names: it is a header, too. */
const SHOWN_FAULTS = 5;

export class Query {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  /**
   * @param url - Of the request, `/v1/listen?punctuate=true`.
   * @throws {ApiError} `REQUEST_UNSUPPORTED_OPTION` naming every option that is unknown, repeated or unsupported.
   */
  constructor(url: string, surface: Surface) {
    const start = url.indexOf("?");
    const values = new Map<string, string[]>();
    for (const [name, value] of new URLSearchParams(start < 0 ? "" : url.slice(start))) {
      if (!ABSENT.has(value)) values.set(name, [...(values.get(name) ?? []), value]);
    }
    const faults = [...values].flatMap(([name, given]) => {
      const fault = faultOf(name, given, surface);
      return fault === null ? [] : [{ name, fault }];
    });
    const [first] = faults;
    if (first) throw badOption(shown(first.name), inShort(faults.map(({ fault }) => fault)));
    this.#values = values;
  }

  /** Everything that was given under a name, none of it empty. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  one(name: string): string | null {
    return this.all(name)[0] ?? null;
  }

  /** @throws {ApiError} when it is neither `true` nor `false`. */
  flag(name: string): boolean {
    const text = this.one(name)?.toLowerCase() ?? "false";
    if (text === "true" || text === "false") return text === "true";
    throw badOption(name, `Expected "${name}" to be true or false`);
  }

  /**
   * A number in decimal notation, or null when it was not given.
   *
   * @throws {ApiError} when it is none, or outside of [minimum, maximum].
   */
  number(name: string, minimum: number, maximum: number): number | null {
    const text = this.one(name);
    if (text === null) return null;
    const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw badOption(name, `Expected "${name}" to be a number from ${minimum} to ${maximum}`);
  }

  /** As `number`, without a fraction. */
  whole(name: string, minimum: number, maximum: number): number | null {
    const value = this.number(name, minimum, maximum);
    if (value === null || Number.isInteger(value)) return value;
    throw badOption(name, `Expected "${name}" to be a whole number`);
  }

  /** Options as they were given, those of a list joined, but for the names in `secret`. */
  given(secret: ReadonlySet<string>): Record<string, string> {
    const kept = [...this.#values].filter(([name]) => !secret.has(name));
    return Object.fromEntries(kept.map(([name, values]) => [name, values.join(",")]));
  }
}

function faultOf(name: string, given: readonly string[], surface: Surface): string | null {
  const facts = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (facts === undefined) return `There is no option "${shown(name)}"`;
  if (!facts.many && given.length > 1) return `Expected "${name}" once`;
  const asked = given.some((value) => !facts.off.includes(value.toLowerCase()));
  if (facts[surface] !== "unsupported" || !asked) return null;
  const other = surface === "live" ? "files" : "live";
  const where = surface === "live" ? "on the live socket" : "for files";
  return `"${name}" is not supported ${facts[other] === "unsupported" ? "here" : where}`;
}

function shown(name: string): string {
  return name.length > SHOWN_CHARACTERS ? `${name.slice(0, SHOWN_CHARACTERS)}...` : name;
}

function inShort(faults: readonly string[]): string {
  const more = faults.length > SHOWN_FAULTS ? [`and ${faults.length - SHOWN_FAULTS} more`] : [];
  return [...faults.slice(0, SHOWN_FAULTS), ...more].join("; ");
}
