/**
 * English number words and what each of them does to the number being read.
 */

/** `suffix` is written behind the digits: `th` of "fifth", `s` of "fifties". Words with a suffix end a number. */
export type NumberWord =
  | { kind: "zero" }
  | { kind: "one" | "ten" | "multiplier"; value: bigint; suffix?: string }
  | { kind: "sign"; symbol: string }
  | { kind: "unit"; symbol: string }
  | { kind: "percent" | "per" | "and" | "point" }
  | { kind: "repeat"; times: number };

const ONES =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const MULTIPLIERS =
  "thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion".split(
    " ",
  );
const IRREGULAR_ORDINALS: Record<string, [word: string, suffix: string]> = {
  one: ["first", "st"],
  two: ["second", "nd"],
  three: ["third", "rd"],
  five: ["fifth", "th"],
  twelve: ["twelfth", "th"],
};
const UNITS: Record<string, string> = { pound: "£", euro: "€", dollar: "$", cent: "¢" };
const SIGNS: Record<string, string> = { minus: "-", negative: "-", plus: "+", positive: "+" };

type Entry = [word: string, meaning: NumberWord];

/** The published table has "nineth" and not "ninth"; scores stay comparable only if ours does as well. */
function onesEntries(name: string, value: bigint): Entry[] {
  const [ordinal, suffix] = IRREGULAR_ORDINALS[name] ?? [name + (name.endsWith("t") ? "h" : "th"), "th"];
  return [
    [name, { kind: "one", value }],
    [name === "six" ? "sixes" : `${name}s`, { kind: "one", value, suffix: "s" }],
    [ordinal, { kind: "one", value, suffix }],
  ];
}

function tensEntries(name: string, value: bigint): Entry[] {
  return [
    [name, { kind: "ten", value }],
    [name.replace("y", "ies"), { kind: "ten", value, suffix: "s" }],
    [name.replace("y", "ieth"), { kind: "ten", value, suffix: "th" }],
  ];
}

function multiplierEntries(name: string, value: bigint): Entry[] {
  return [
    [name, { kind: "multiplier", value }],
    [`${name}s`, { kind: "multiplier", value, suffix: "s" }],
    [`${name}th`, { kind: "multiplier", value, suffix: "th" }],
  ];
}

/** Every word that can be part of a number. */
export const NUMBER_WORDS: ReadonlyMap<string, NumberWord> = new Map<string, NumberWord>([
  ...["o", "oh", "zero"].map((word): Entry => [word, { kind: "zero" }]),
  ["zeroth", { kind: "one", value: 0n, suffix: "th" }],
  ...ONES.flatMap((name, index) => onesEntries(name, BigInt(index + 1))),
  ...TENS.flatMap((name, index) => tensEntries(name, BigInt(20 + 10 * index))),
  ...multiplierEntries("hundred", 100n),
  ...MULTIPLIERS.flatMap((name, index) => multiplierEntries(name, 1000n ** BigInt(index + 1))),
  ...Object.entries(SIGNS).map(([word, symbol]): Entry => [word, { kind: "sign", symbol }]),
  ...Object.entries(UNITS).flatMap(([word, symbol]): Entry[] => [
    [word, { kind: "unit", symbol }],
    [`${word}s`, { kind: "unit", symbol }],
  ]),
  ["percent", { kind: "percent" }],
  ["per", { kind: "per" }],
  ["and", { kind: "and" }],
  ["point", { kind: "point" }],
  ["double", { kind: "repeat", times: 2 }],
  ["triple", { kind: "repeat", times: 3 }],
]);

/** Symbols that may stand before a number. */
export const PREFIXES: ReadonlySet<string> = new Set([...Object.values(SIGNS), ...Object.values(UNITS)]);

function isPlain(word: string | undefined, kinds: readonly string[]): boolean {
  const meaning = word === undefined ? undefined : NUMBER_WORDS.get(word);
  return meaning !== undefined && kinds.includes(meaning.kind) && !("suffix" in meaning);
}

/** one … nineteen. */
export const isOne = (word: string | undefined): boolean => isPlain(word, ["one"]);
/** twenty … ninety. */
export const isTen = (word: string | undefined): boolean => isPlain(word, ["ten"]);
/** hundred … decillion. */
export const isMultiplier = (word: string | undefined): boolean => isPlain(word, ["multiplier"]);
/** Words that may follow "point". */
export const isDecimal = (word: string | undefined): boolean => isPlain(word, ["zero", "one", "ten"]);
/** A single digit or a number up to nineteen, for "double" and "triple"; undefined for other words. */
export function repeatable(word: string | undefined): bigint | undefined {
  const meaning = word === undefined ? undefined : NUMBER_WORDS.get(word);
  if (meaning?.kind === "zero") return 0n;
  return meaning?.kind === "one" && meaning.suffix === undefined ? meaning.value : undefined;
}
