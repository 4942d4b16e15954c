/**
 * The configuration: file and environment merged, checked as a whole, frozen. The only reader of `process.env`, but for
 * HF_TOKEN (hub.ts).
 */
import { existsSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { LinescribeError, messageOf } from "../base/error.ts";
import { faultsOfNumber } from "../telephony/number.ts";
import type { NumberEntry } from "../telephony/port.ts";
import { TRACKS } from "../transcript/event.ts";
import { type Endpointing, endpointerOf, endpointingOf } from "./config-endpointing.ts";
import { soundPart } from "./config-faults.ts";
import { type ConfigFile, configSchema, type NumberConfig } from "./config-schema.ts";
import { PREFIX, readEnvironment, VARIABLES } from "./environment.ts";
import { chooseVadWorkers } from "./vad-workers.ts";

export const DEFAULT_CONFIG_FILE = "linescribe.config.json";

/** A number with its callback and its endpointing: what a call on it needs to know. */
export interface Line extends NumberEntry, Endpointing {
  /** Callback URL, or null when events are only stored. */
  endpoint: string | null;
  /** What callers are likely to say, as `asHints` returned it. */
  hints?: readonly string[];
}

export interface Config extends Omit<ConfigFile, "numbers" | "publicUrl" | "vad">, Endpointing {
  /** Without a slash at the end; null until the server knows its own port (insecure, on loopback). */
  publicUrl: string | null;
  lines: ReadonlyMap<string, Line>;
  /** Callback URL -> secrets. */
  endpoints: ReadonlyMap<string, readonly string[]>;
  /** Threads for speech detection, >= 1: chosen where the file leaves it open. */
  vad: { workers: number };
}

export interface ConfigSources {
  /** Path of the file; missing is a fault only when it was named. Null: no file, not even the usual one. */
  file?: string | null | undefined;
  environment?: NodeJS.ProcessEnv;
  /** Settings of the command line, in the file's shape; they win. */
  overrides?: Record<string, unknown>;
}

/**
 * Loads the configuration.
 *
 * @throws {LinescribeError} `CONFIG_INVALID` whose message lists every fault, one per line.
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const { config, faults } = checkConfig(sources);
  if (config === null) throw invalidConfig(faults);
  return config;
}

/** The configuration, or everything that is wrong with it, a sentence each. */
export function checkConfig(sources: ConfigSources = {}): { config: Config | null; faults: string[] } {
  const { settings, faults } = readSettings(sources);
  const parsed = configSchema.safeParse(settings);
  if (parsed.success) {
    const config = build(parsed.data, faults);
    return { config: faults.length === 0 ? deepFreeze(config) : null, faults };
  }
  for (const { path: at, message } of parsed.error.issues)
    faults.push(`${at.join(".") || "configuration"}: ${message}`);
  // A fault of the shape must not hide the others: what has the right shape is checked on its own.
  const sound = soundPart(settings, parsed.error.issues);
  const rest = configSchema.safeParse(sound.settings);
  const further: string[] = [];
  if (rest.success) build(rest.data, further);
  return { config: null, faults: [...faults, ...sound.own(further)] };
}

/**
 * One section of the configuration, whatever is wrong with the others: for commands that need no more.
 *
 * @throws {LinescribeError} `CONFIG_INVALID` when the file cannot be read or the section is faulty.
 */
export function loadSection<Name extends "store" | "asr" | "vad" | "models" | "hub">(
  name: Name,
  sources: ConfigSources = {},
): ConfigFile[Name] {
  const { settings, faults } = readSettings(sources);
  const parsed = configSchema.shape[name].safeParse(settings[name]);
  const own = faults.filter((fault) => concerns(fault, name));
  for (const { path: at, message } of parsed.error?.issues ?? [])
    own.push(`${[name, ...at].join(".")}: ${message}`);
  if (own.length > 0) throw invalidConfig(own);
  return parsed.data as ConfigFile[Name];
}

/** Whether a fault of reading may touch a section: those of other sections' variables do not. */
function concerns(fault: string, section: string): boolean {
  if (!fault.startsWith(PREFIX)) return true;
  const [variable] = fault.split(/(?:_FILE)?:/, 1) as [string];
  return VARIABLES[variable]?.path[0] === section;
}

/** File, environment and command line laid over each other, not checked; faults are of reading them. */
export function readSettings({ file, environment = process.env, overrides = {} }: ConfigSources = {}): {
  settings: Record<string, unknown>;
  faults: string[];
} {
  const faults: string[] = [];
  const fromFile = file === null ? {} : readFile(file ?? environment.LINESCRIBE_CONFIG, faults);
  const fromEnvironment = readEnvironment(environment);
  faults.push(...fromEnvironment.faults);
  const settings = merge(merge(fromFile, fromEnvironment.settings), overrides);
  if (isObject(settings)) return { settings, faults };
  return { settings: {}, faults: [...faults, "configuration: expected an object"] };
}

function readFile(named: string | undefined, faults: string[]): unknown {
  const file = path.resolve(named || DEFAULT_CONFIG_FILE);
  if (!named && !existsSync(file)) return {};
  try {
    const content: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (isObject(content)) return content;
    faults.push(`${file}: expected a JSON object`);
  } catch (error) {
    faults.push(`${file}: ${messageOf(error)}`);
  }
  return {};
}

/** `over` laid over `under`, objects key by key, everything else as a whole. */
function merge(under: unknown, over: unknown): unknown {
  if (!isObject(under) || !isObject(over)) return over === undefined ? under : over;
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) merged[key] = merge(merged[key], value);
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `CONFIG_INVALID` with every fault on a line of its own. */
export function invalidConfig(faults: readonly string[]): LinescribeError {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return new LinescribeError(
    "CONFIG_INVALID",
    `The configuration has ${count}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`,
  );
}

function build(file: ConfigFile, faults: string[]): Config {
  const { numbers, vad, publicUrl, ...rest } = file;
  checkTrust(file, faults);
  const endpoints = new Map<string, readonly string[]>();
  for (const callback of [file.callback, ...numbers.map((entry) => entry.callback)]) {
    if (!callback) continue;
    const known = endpoints.get(callback.url);
    if (known && known.join() !== callback.secrets.join()) {
      faults.push(`callback ${callback.url}: has different secrets in two places`);
    }
    endpoints.set(callback.url, callback.secrets);
  }
  const common: Endpointing = { endpointer: endpointerOf(vad, faults), endpointMs: vad.endpointMs };
  const lines = new Map<string, Line>();
  for (const [index, entry] of numbers.entries()) {
    const ownFaults: string[] = [];
    const endpointing = endpointingOf(entry.endpointing, common, ownFaults);
    const line = asLine(entry, file.callback?.url ?? null, endpointing);
    if (lines.has(line.number)) faults.push(`numbers.${index}: ${line.number} stands in two entries`);
    lines.set(line.number, line);
    for (const fault of [...ownFaults, ...faultsOfNumber(line, publicUrl ?? "http://localhost")])
      faults.push(`numbers.${index}: ${fault}`);
  }
  return {
    ...rest,
    publicUrl: publicUrl?.replace(/\/+$/, "") ?? null,
    lines,
    endpoints,
    vad: { workers: chooseVadWorkers(vad, file.limits) },
    ...common,
  };
}

/**
 * Whether anything of phone calls is configured. Where nothing is, no signature can be right and every call is refused;
 * the sockets of other clients need none of it.
 */
export function expectsCalls(
  { twilio, callback }: Pick<ConfigFile, "twilio" | "callback">,
  numbers: number,
): boolean {
  return numbers > 0 || twilio.authTokens.length > 0 || twilio.api !== undefined || callback !== undefined;
}

/** No token or no public URL: anybody could post calls to us. */
function checkTrust(file: ConfigFile, faults: string[]): void {
  const { insecure, host, publicUrl, twilio } = file;
  if (insecure) {
    if (!isLoopback(host))
      faults.push(`insecure: only allowed when listening on loopback, got host "${host}"`);
    return;
  }
  if (!expectsCalls(file, file.numbers.length)) return;
  if (twilio.authTokens.length === 0) {
    faults.push(
      "twilio.authTokens: needed to check the carrier's signatures (LINESCRIBE_TWILIO_AUTH_TOKENS)",
    );
  }
  if (!publicUrl) faults.push("publicUrl: needed to check the carrier's signatures (LINESCRIBE_PUBLIC_URL)");
}

/** Freezes an object with everything in it; what maps hold is read-only by its type. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** Whether only this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function asLine(entry: NumberConfig, endpoint: string | null, endpointing: Endpointing): Line {
  const { labels, callback, announcementLanguage, parameters, endpointing: _, ...rest } = entry;
  return {
    ...rest,
    ...endpointing,
    labels: { inbound: labels.inbound ?? "inbound", outbound: labels.outbound ?? "outbound" },
    tracks: TRACKS.filter((track) => rest.tracks.includes(track)),
    announcementLanguage,
    parameters,
    endpoint: callback?.url ?? endpoint,
  };
}

/** Most workers that are chosen: each has a session of its own, of 0.6 to 0.9 GB. */
const WORKERS = 4;

/**
 * Workers and threads for this machine, where the configuration leaves them open. Workers before threads: utterances side
 * by side carry a quarter more calls than threads within one.
 */
export function chooseThreads(
  { workers, threads }: Pick<ConfigFile["asr"], "workers" | "threads">,
  cores = os.availableParallelism(),
) {
  const chosenWorkers = workers || Math.max(1, Math.min(WORKERS, Math.floor(cores / (threads || 1))));
  return { workers: chosenWorkers, threads: threads || Math.max(1, Math.floor(cores / chosenWorkers)) };
}

/** A callback URL for people to read: receivers put keys into queries. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** The configuration for people to read: secrets and tokens are counted, not shown. */
export function redacted(config: Config): Record<string, unknown> {
  const { lines, endpoints, twilio, callback, ...rest } = config;
  return {
    ...rest,
    callback: callback ? { url: shownUrl(callback.url), secrets: callback.secrets.length } : null,
    twilio: {
      ...twilio,
      authTokens: twilio.authTokens.length,
      api: twilio.api ? { accountSid: twilio.api.accountSid } : null,
    },
    numbers: lines.size,
    endpoints: [...endpoints.keys()].map(shownUrl),
  };
}
