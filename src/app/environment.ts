/**
 * Settings from the environment: they override the file, and hold the secrets.
 *
 * Every name may carry `_FILE` behind it: then the value is read from that file.
 */
import { readFileSync } from "node:fs";
import { messageOf } from "../base/error.ts";

export const PREFIX = "LINESCRIBE_";

interface Variable {
  /** Where the value goes in the configuration file's shape. */
  path: readonly string[];
  parse: (text: string) => unknown;
  meaning: string;
}

const text = (value: string): string => value;
const list = (value: string): string[] => value.split(/[\s,]+/).filter(Boolean);

function whole(value: string): unknown {
  if (!/^\d+$/.test(value)) throw new Error(`expected a whole number, got "${value}"`);
  return Number(value);
}

function truth(value: string): unknown {
  if (value !== "true" && value !== "false") throw new Error(`expected true or false, got "${value}"`);
  return value === "true";
}

/** Every variable we read; any other name with our prefix is an error. */
export const VARIABLES: Readonly<Record<string, Variable>> = {
  LINESCRIBE_PUBLIC_URL: {
    path: ["publicUrl"],
    parse: text,
    meaning: "address that the carrier uses for us",
  },
  LINESCRIBE_HOST: { path: ["host"], parse: text, meaning: "address to listen on" },
  LINESCRIBE_PORT: { path: ["port"], parse: whole, meaning: "port to listen on, 0 for a free one" },
  LINESCRIBE_INSECURE: {
    path: ["insecure"],
    parse: truth,
    meaning: "accept unsigned webhooks, loopback only",
  },
  LINESCRIBE_LOG_LEVEL: { path: ["logLevel"], parse: text, meaning: "debug, info, warn, error or silent" },
  LINESCRIBE_TWILIO_AUTH_TOKENS: {
    path: ["twilio", "authTokens"],
    parse: list,
    meaning: "auth tokens that may sign webhooks, separated by commas",
  },
  LINESCRIBE_TWILIO_MEDIA_URL: {
    path: ["twilio", "mediaUrl"],
    parse: text,
    meaning: "what the media socket of this process is under, where several share the public URL",
  },
  LINESCRIBE_TWILIO_ACCOUNT_SID: {
    path: ["twilio", "api", "accountSid"],
    parse: text,
    meaning: "account of the REST API",
  },
  LINESCRIBE_TWILIO_API_USERNAME: {
    path: ["twilio", "api", "username"],
    parse: text,
    meaning: "API key, or the account again",
  },
  LINESCRIBE_TWILIO_API_PASSWORD: {
    path: ["twilio", "api", "password"],
    parse: text,
    meaning: "its secret, or the auth token",
  },
  LINESCRIBE_CALLBACK_URL: { path: ["callback", "url"], parse: text, meaning: "receiver of the events" },
  LINESCRIBE_CALLBACK_SECRETS: {
    path: ["callback", "secrets"],
    parse: list,
    meaning: "whsec_ secrets that sign them, separated by commas, the current one first",
  },
  LINESCRIBE_STORE: { path: ["store", "path"], parse: text, meaning: "file of the store" },
  LINESCRIBE_TRUSTED_PROXIES: {
    path: ["access", "trustedProxies"],
    parse: (value) => (/^\d+$/.test(value) ? Number(value) : list(value)),
    meaning: "how many proxies stand in front, or their addresses and networks, separated by commas",
  },
  LINESCRIBE_ORIGINS: {
    path: ["access", "origins"],
    parse: list,
    meaning: "origins of web pages elsewhere that may connect, separated by commas",
  },
  LINESCRIBE_ASR_MODEL: {
    path: ["asr", "model"],
    parse: text,
    meaning: "name of the recognition model",
  },
  LINESCRIBE_ASR_CUDA_MODEL: {
    path: ["asr", "cudaModel"],
    parse: text,
    meaning: "name of the model for CUDA cards",
  },
  LINESCRIBE_ASR_DEVICE: { path: ["asr", "device"], parse: text, meaning: "auto, cpu or cuda" },
  LINESCRIBE_ASR_CARDS: {
    path: ["asr", "cards"],
    parse: (value) => list(value).map(whole),
    meaning: "indices of the CUDA cards that are used, separated by commas",
  },
  LINESCRIBE_ASR_WORKERS: {
    path: ["asr", "workers"],
    parse: whole,
    meaning: "recognition workers, 0 chooses",
  },
  LINESCRIBE_ASR_THREADS: {
    path: ["asr", "threads"],
    parse: whole,
    meaning: "threads per worker, 0 chooses",
  },
  LINESCRIBE_VAD_WORKERS: {
    path: ["vad", "workers"],
    parse: whole,
    meaning: "speech detection workers, 0 chooses",
  },
  LINESCRIBE_MODELS: { path: ["models"], parse: text, meaning: "folder of models beside the package's" },
  LINESCRIBE_HUB: { path: ["hub"], parse: text, meaning: "hub that models are pulled from" },
  LINESCRIBE_LIMIT_CALLS: { path: ["limits", "calls"], parse: whole, meaning: "calls transcribed at once" },
};

/** Names that are read elsewhere: the path of the configuration file itself. */
const OTHER = new Set(["LINESCRIBE_CONFIG"]);

export interface EnvironmentReading {
  /** Settings to lay over the file, in its shape. */
  settings: Record<string, unknown>;
  /** One sentence each. */
  faults: string[];
}

/** Reads our variables out of `environment`; faults are collected, not thrown. */
export function readEnvironment(environment: NodeJS.ProcessEnv): EnvironmentReading {
  const settings: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || OTHER.has(name) || value === undefined || value === "") continue;
    const fromFile = name.endsWith("_FILE");
    const variable = VARIABLES[fromFile ? name.slice(0, -"_FILE".length) : name];
    if (!variable) {
      faults.push(`${name}: no such setting`);
      continue;
    }
    try {
      assign(settings, variable.path, variable.parse(fromFile ? readFileSync(value, "utf8").trim() : value));
    } catch (error) {
      faults.push(`${name}: ${messageOf(error)}`);
    }
  }
  return { settings, faults };
}

function assign(settings: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    settings[key] = value;
    return;
  }
  settings[key] ??= {};
  assign(settings[key] as Record<string, unknown>, rest, value);
}
