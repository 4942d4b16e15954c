/**
 * What can still be checked in settings of which a part has the wrong shape.
 */
import type { z } from "zod";

type Issue = Pick<z.core.$ZodIssue, "path" | "code"> & { keys?: string[] };

export interface SoundPart {
  /** The settings without the sections, and the entries of `numbers`, that an issue is about. */
  settings: Record<string, unknown>;
  /** Of the faults found in `settings`, those that the missing parts did not cause, as of the whole settings. */
  own(faults: readonly string[]): string[];
}

/** Faults that are only true when a setting is known: `insecure` and `host` decide what is needed. */
const DEPENDENT: Readonly<Record<string, readonly string[]>> = {
  insecure: ["twilio", "publicUrl"],
  host: ["insecure"],
};

export function soundPart(settings: Record<string, unknown>, issues: readonly Issue[]): SoundPart {
  const broken = new Set<string>();
  const brokenNumbers = new Set<number>();
  for (const { path, keys } of issues) {
    const [section, entry] = path;
    if (section === undefined) for (const key of keys ?? []) broken.add(key);
    else if (section === "numbers" && typeof entry === "number") brokenNumbers.add(entry);
    else broken.add(String(section));
  }
  const rest = Object.fromEntries(Object.entries(settings).filter(([name]) => !broken.has(name)));
  const numbers = Array.isArray(rest.numbers) ? [...rest.numbers.entries()] : [];
  const kept = numbers.filter(([index]) => !brokenNumbers.has(index));
  if (Array.isArray(rest.numbers)) rest.numbers = kept.map(([, entry]) => entry);
  const unknown = new Set([...broken].flatMap((name) => [name, ...(DEPENDENT[name] ?? [])]));
  return {
    settings: rest,
    own: (faults) =>
      faults
        .filter((fault) => !unknown.has(fault.split(/[.: ]/, 1)[0] as string))
        .map((fault) =>
          fault.replace(/^numbers\.(\d+)/, (_, index) => `numbers.${kept[Number(index)]?.[0]}`),
        ),
  };
}
