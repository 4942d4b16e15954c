/**
 * The options of `bench -- gpu`.
 */
import type { Device } from "../../src/asr/device.ts";

export const OPTIONS = [
  "device",
  "model",
  "tokens-per-second",
  "batches",
  "seconds",
  "loads",
  "calls",
  "sockets",
  "call-seconds",
  "peak-tflops",
  "peak-gbs",
] as const;

export interface GpuOptions {
  /** Null: the first card, which must be there. */
  device: Device | null;
  /** A name of `models/manifest.json`, or a file with its tokenizer beside it. */
  model: string;
  /**
   * Tokens of a second of speech, for random weights: their hypotheses do not end by themselves, and what they say says
   * nothing. Null for a model that has learnt.
   */
  tokensPerSecond: number | null;
  batches: readonly number[];
  seconds: readonly number[];
  loads: readonly Load[];
  /** Numbers of calls without sockets, rising; empty: none. */
  calls: readonly number[];
  /** Numbers of calls through sockets; null: from what was held without them downwards; empty: none. */
  sockets: readonly number[] | null;
  callMs: number;
  /** Given peaks; null: from the table, or measured. */
  peakGflops: number | null;
  peakGbs: number | null;
}

export const LOADS = ["partials", "finals"] as const;
export type Load = (typeof LOADS)[number];

/** What a card climbs, and what a processor does; the goals are rungs. */
const LADDERS = {
  cuda: [100, 250, 500, 600, 750, 1000, 1500, 2000, 2500, 3000, 4000],
  cpu: [1, 2, 4, 8, 12, 16, 24, 32, 48, 64],
};
const BATCHES = { cuda: [1, 2, 4, 8, 16, 32, 64], cpu: [1, 2, 4, 8] };
const SECONDS = [1, 2, 5, 10, 20];
const CALL_SECONDS = 45;
const MAXIMUM = { batch: 64, seconds: 29, calls: 10_000, rate: 100 };

/** @throws {RangeError} naming the option and what it takes. */
export function parseOptions(values: Readonly<Record<string, string>>): GpuOptions {
  const device = deviceOf(values.device);
  const kind = device?.kind ?? "cuda";
  const number = (name: string, most = Number.MAX_VALUE) =>
    values[name] === undefined ? null : numberOf(name, values[name], most);
  const numbers = (name: string, standard: readonly number[], most: number) =>
    values[name] === undefined ? standard : listOf(name, values[name], most);
  const counts = (name: string, standard: readonly number[], most: number) =>
    numbers(name, standard, most).map((count) => whole(name, count));
  const tflops = number("peak-tflops");
  return {
    device,
    model: values.model ?? "whisper-base",
    tokensPerSecond: number("tokens-per-second", MAXIMUM.rate),
    batches: counts("batches", BATCHES[kind], MAXIMUM.batch),
    seconds: numbers("seconds", SECONDS, MAXIMUM.seconds),
    loads: loadsOf(values.loads),
    calls: counts("calls", LADDERS[kind], MAXIMUM.calls),
    sockets: values.sockets === undefined ? null : counts("sockets", [], MAXIMUM.calls),
    callMs: 1000 * (number("call-seconds", 3600) ?? CALL_SECONDS),
    peakGflops: tflops === null ? null : tflops * 1000,
    peakGbs: number("peak-gbs"),
  };
}

function deviceOf(text: string | undefined): Device | null {
  if (text === undefined) return null;
  if (text === "cpu") return { kind: "cpu" };
  const card = /^cuda(?::(\d{1,2}))?$/.exec(text);
  if (card) return { kind: "cuda", card: Number(card[1] ?? 0) };
  throw new RangeError(`Expected --device to be cpu, cuda or cuda:N, got "${text}"`);
}

function loadsOf(text: string | undefined): readonly Load[] {
  if (text === undefined) return LOADS;
  const names = text.split(",");
  const unknown = names.find((name) => !(LOADS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new RangeError(`Expected --loads of ${LOADS.join()}, got "${unknown}"`);
  return LOADS.filter((load) => names.includes(load));
}

/** "none" is an empty list. */
function listOf(name: string, text: string, most: number): number[] {
  if (text === "none") return [];
  return text
    .split(",")
    .map((each) => numberOf(name, each, most))
    .sort((a, b) => a - b);
}

function numberOf(name: string, text: string, most: number): number {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (number > 0 && number <= most) return number;
  throw new RangeError(
    `Expected --${name} above 0${most < Number.MAX_VALUE ? ` up to ${most}` : ""}, got "${text}"`,
  );
}

function whole(name: string, number: number): number {
  if (!Number.isInteger(number)) throw new RangeError(`Expected --${name} in whole numbers, got ${number}`);
  return number;
}
