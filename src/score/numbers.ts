/**
 * Writes spelled-out English numbers as digits, word by word as Whisper's `EnglishNumberNormalizer` does (MIT,
 * openai/whisper): "two point five million" is 2500000, "nineteen ninety nine" 1999, "three euros and five cents"
 * €3.05. The number being read is an integer while words add up and a string once digits are strung together.
 */
import {
  isDecimal,
  isMultiplier,
  isOne,
  isTen,
  NUMBER_WORDS,
  type NumberWord,
  PREFIXES,
  repeatable,
} from "./number-words.ts";
import { unicodePattern, wordsOf } from "./unicode.ts";

const NUMERIC = /^\d+(?:\.\d+)?$/;

type Value = bigint | string;
type Ending = Extract<NumberWord, { value: bigint }>;

/** `value` times `multiplier` when that is whole; undefined when it is not, or when `value` is no decimal number. */
function wholeProduct(value: Value, multiplier: bigint): bigint | undefined {
  if (typeof value === "bigint") return value * multiplier;
  const match = /^(?=\d|\.\d)(\d*)(?:\.(\d*))?$/.exec(value);
  if (match === null) return undefined;
  const fraction = match[2] ?? "";
  const scaled = BigInt(`${match[1] ?? ""}${fraction}`) * multiplier;
  const scale = 10n ** BigInt(fraction.length);
  return scaled % scale === 0n ? scaled / scale : undefined;
}

/** "forty three thousand" "two" "hundred": only what is below a thousand is multiplied. */
function multiplyResidual(value: bigint, multiplier: bigint): bigint {
  const residual = value % 1000n;
  return value - residual + residual * multiplier;
}

class NumberWriter {
  readonly written: string[] = [];
  #value: Value | undefined;
  #prefix = "";
  #skip = false;

  read(previous: string | undefined, current: string, next: string | undefined): void {
    if (this.#skip) {
      this.#skip = false;
      return;
    }
    const prefix = PREFIXES.has(current.charAt(0)) ? current.charAt(0) : "";
    const digits = current.slice(prefix.length);
    const word = NUMBER_WORDS.get(current);
    if (NUMERIC.test(digits)) this.#readDigits(current, prefix, digits);
    else if (word === undefined) this.#writeAlone(current);
    else this.#readWord(word, previous, current, next);
  }

  /** Writes the number that is being read, if there is one. */
  flush(): void {
    if (this.#value !== undefined) this.#write(this.#value);
  }

  #write(result: Value): void {
    this.written.push(`${this.#prefix}${result}`);
    this.#value = undefined;
    this.#prefix = "";
  }

  /** Writes a word that is no part of a number. */
  #writeAlone(word: string): void {
    this.flush();
    this.#write(word);
  }

  /** The digits so far; a bare 0 counts as none. */
  #soFar(): string {
    return this.#value === undefined || this.#value === 0n ? "" : String(this.#value);
  }

  #readDigits(current: string, prefix: string, digits: string): void {
    if (typeof this.#value === "string" && this.#value.endsWith(".")) {
      this.#value += current;
      return;
    }
    this.flush();
    if (prefix !== "") this.#prefix = prefix;
    // A fraction that is whole, "3.0", is an integer.
    this.#value = wholeProduct(digits, 1n) ?? digits;
  }

  #readWord(word: NumberWord, previous: string | undefined, current: string, next: string | undefined): void {
    switch (word.kind) {
      case "zero":
        this.#value = `${this.#soFar()}0`;
        return;
      case "one":
      case "ten":
        this.#append(word, previous);
        return;
      case "multiplier":
        this.#multiply(word);
        return;
      case "sign":
        this.flush();
        if (canContinue(next)) this.#prefix = word.symbol;
        else this.#write(current);
        return;
      case "unit":
        if (this.#value === undefined) this.#write(current);
        else {
          this.#prefix = word.symbol;
          this.flush();
        }
        return;
      case "percent":
      case "per":
        this.#percent(word.kind, current, next);
        return;
      default:
        this.#readSpecial(word, previous, current, next);
    }
  }

  #append(word: Ending, previous: string | undefined): void {
    const joined = this.#join(word, previous);
    if (word.suffix === undefined) this.#value = joined;
    else this.#write(`${joined}${word.suffix}`);
  }

  /** Adds a word to the number ("forty" "three") or strings it to its digits ("nineteen" "ninety"). */
  #join({ kind, value }: Ending, previous: string | undefined): Value {
    const soFar = this.#value;
    if (soFar === undefined) return value;
    const strung = typeof soFar === "string" || (kind === "one" && isOne(previous));
    if (strung && kind === "one" && isTen(previous) && value < 10n) {
      return `${String(soFar).slice(0, -1)}${value}`;
    }
    if (strung) return `${soFar}${value}`;
    const room = kind === "one" && value < 10n ? 10n : 100n;
    return soFar % room === 0n ? soFar + value : `${soFar}${value}`;
  }

  #multiply({ value: multiplier, suffix }: Ending): void {
    const ending = suffix ?? "";
    const soFar = this.#value;
    let product: bigint;
    if (soFar === undefined) product = multiplier;
    else if (typeof soFar === "bigint") product = multiplyResidual(soFar, multiplier);
    else {
      const whole = wholeProduct(soFar, multiplier);
      if (whole === undefined) this.#write(soFar);
      product = whole ?? multiplier;
    }
    if (suffix === undefined) this.#value = product;
    else this.#write(`${product}${ending}`);
  }

  #percent(kind: "percent" | "per", current: string, next: string | undefined): void {
    const complete = this.#value !== undefined && (kind === "percent" || next === "cent");
    this.#skip = complete && kind === "per";
    if (complete) this.#write(`${this.#value}%`);
    else this.#writeAlone(current);
  }

  #readSpecial(
    word: NumberWord,
    previous: string | undefined,
    current: string,
    next: string | undefined,
  ): void {
    if (canContinue(next)) {
      // "two hundred and six" is one number.
      if (word.kind === "and" && isMultiplier(previous)) return;
      if (word.kind === "point") {
        if (isDecimal(next) || NUMERIC.test(next ?? "")) this.#value = `${this.#soFar()}.`;
        return;
      }
      const repeated = word.kind === "repeat" ? repeatable(next) : undefined;
      if (word.kind === "repeat" && repeated !== undefined) {
        this.#value = `${this.#soFar()}${String(repeated).repeat(word.times)}`;
        this.#skip = true;
        return;
      }
    }
    this.#writeAlone(current);
  }
}

/** Whether a number can go on with this word. */
function canContinue(word: string | undefined): boolean {
  return word !== undefined && (NUMBER_WORDS.has(word) || NUMERIC.test(word));
}

const AND_A_HALF = unicodePattern("\\band\\s+a\\s+half\\b");
const SPACED_SUFFIX = unicodePattern("([0-9])\\s+(st|nd|rd|th|s)\\b");
const CURRENCY_AND_CENTS = unicodePattern("([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\\b");
const ONLY_CENTS = unicodePattern("[€£$]0.([0-9]{1,2})\\b");
const LONE_ONE = unicodePattern("\\b1(s?)\\b");

/** "three and a half million" as "three point five million". */
function halvesAsDecimals(text: string): string {
  const segments = text.split(AND_A_HALF);
  const parts = segments.flatMap((segment, index) => {
    const last = wordsOf(segment).at(-1);
    if (last === undefined) return [];
    if (index === segments.length - 1) return [segment];
    return [segment, isDecimal(last) || isMultiplier(last) ? "point five" : "and a half"];
  });
  return parts.join(" ");
}

/** Writes the spelled-out numbers of a lower-case text as digits; words are then separated by single spaces. */
export function normalizeNumbers(text: string): string {
  const spaced = halvesAsDecimals(text)
    .replace(/([a-z])([0-9])/g, "$1 $2")
    .replace(/([0-9])([a-z])/g, "$1 $2")
    .replace(SPACED_SUFFIX, "$1$2");
  const words = wordsOf(spaced);
  const writer = new NumberWriter();
  words.forEach((word, index) => {
    writer.read(words[index - 1], word, words[index + 1]);
  });
  writer.flush();
  return writer.written
    .join(" ")
    .replace(CURRENCY_AND_CENTS, (_, currency: string, whole: string, cents: string) => {
      return `${currency}${whole}.${cents.padStart(2, "0")}`;
    })
    .replace(ONLY_CENTS, (_, cents: string) => `¢${Number(cents)}`)
    .replace(LONE_ONE, "one$1");
}
