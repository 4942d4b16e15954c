/**
 * The cards that the driver tells of: what `nvidia-smi` prints, taken as strictly as anything from outside.
 */
import type { Architecture } from "./kernels.ts";

export interface Card {
  /** As CUDA counts them, from 0, in the order of their PCI addresses. */
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  /** Of the card, and what nobody has taken of it, bytes; null where the driver does not tell. */
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
  readonly architecture: Architecture;
  /** For example `580.95.05`. */
  readonly driver: string;
}

/** What is asked for, in the order of a line; `name` is last, for it is the only one that might hold a comma. */
const FIELDS = ["index", "uuid", "memory.total", "memory.free", "compute_cap", "driver_version", "name"];
export const QUERY: readonly string[] = [`--query-gpu=${FIELDS.join(",")}`, "--format=csv,noheader,nounits"];

const MEBIBYTE_BYTES = 1 << 20;
/** More cards than any machine has; more lines than that are not an answer to our question. */
const MAXIMUM_CARDS = 64;
/** Of memory that a card has none of its own of (it shares the machine's), or that the driver does not count. */
const UNKNOWN = /^\[?(N\/A|Not Supported|Unknown Error|Insufficient Permissions)\]?$/i;

/**
 * @param text - Output of `nvidia-smi` for `QUERY`.
 * @throws {Error} that names the line which is not what was asked for.
 */
export function parseCards(text: string): Card[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > MAXIMUM_CARDS) throw new Error(`expected at most ${MAXIMUM_CARDS} cards`);
  const cards = lines.map(parseCard);
  for (const [position, { index }] of cards.entries())
    if (index !== position) throw new Error(`expected card ${position}, got card ${index}`);
  return cards;
}

function parseCard(line: string): Card {
  const fault = (what: string): Error => new Error(`expected ${what} in ${shown(line)}`);
  const parts = line.trim().split(/\s*,\s*/);
  const [index, uuid, total, free, capability, driver] = parts.slice(0, 6);
  const name = parts.slice(6).join(", ");
  if (!index || !/^\d{1,2}$/.test(index)) throw fault("the index of a card");
  if (!uuid || !/^GPU-[0-9a-f-]{1,60}$/i.test(uuid)) throw fault("the UUID of a card");
  const [, major, minor] = /^(\d{1,2})\.(\d)$/.exec(capability ?? "") ?? [];
  if (!major || !minor) throw fault("a compute capability such as 9.0");
  if (!driver || !/^\d{1,4}(\.\d{1,4}){1,3}$/.test(driver)) throw fault("the version of a driver");
  if (!/^[\x20-\x7e]{1,100}$/.test(name)) throw fault("the name of a card");
  return {
    index: Number(index),
    name,
    uuid,
    totalBytes: parseBytes(total, fault),
    freeBytes: parseBytes(free, fault),
    architecture: Number(major) * 10 + Number(minor),
    driver,
  };
}

/** Mebibytes, as `nounits` gives them. */
function parseBytes(text: string | undefined, fault: (what: string) => Error): number | null {
  if (text !== undefined && UNKNOWN.test(text)) return null;
  if (text === undefined || !/^\d{1,9}$/.test(text)) throw fault("mebibytes of memory");
  return Number(text) * MEBIBYTE_BYTES;
}

/** What a stranger wrote, short and without control characters. */
export function shown(text: string): string {
  return JSON.stringify(
    text
      .trim()
      .replace(/[^\x20-\x7e]+/g, " ")
      .slice(0, 120),
  );
}

/**
 * The cards that CUDA sees and as it counts them, where `CUDA_VISIBLE_DEVICES` hides some: `nvidia-smi` shows them all.
 * Like CUDA it stops at the first entry that names none.
 *
 * @param visible - Indices or beginnings of UUIDs, separated by commas; undefined hides nothing.
 */
export function visibleCards(cards: readonly Card[], visible: string | undefined): Card[] {
  if (visible === undefined) return [...cards];
  const chosen: Card[] = [];
  for (const entry of visible.split(",").map((text) => text.trim())) {
    const named = cards.filter(({ index, uuid }) =>
      /^\d+$/.test(entry) ? index === Number(entry) : entry.length > 4 && uuid.startsWith(entry),
    );
    const [card] = named;
    if (!card || named.length > 1 || chosen.some(({ uuid }) => uuid === card.uuid)) break;
    chosen.push(card);
  }
  return chosen.map((card, index) => ({ ...card, index }));
}
