/**
 * Settings of pulling models: which hub, with which token, into which folder.
 */
import { LinescribeError } from "../base/error.ts";
import { parseHub } from "../hub/address.ts";
import { loadSection } from "./config.ts";

export interface HubSettings {
  readonly hub: URL;
  /** Of Hugging Face's `HF_TOKEN`, or null. */
  readonly token: string | null;
  readonly folder: string;
}

export interface HubSources {
  /** Configuration file. */
  file?: string | undefined;
  /** Of the command line; they win. */
  from?: string | undefined;
  into?: string | undefined;
  environment?: NodeJS.ProcessEnv;
}

/** @throws {LinescribeError} CONFIG_INVALID */
export function loadHubSettings({ file, from, into, environment = process.env }: HubSources): HubSettings {
  const sources = { file, environment };
  const token = environment.HF_TOKEN?.trim() ?? "";
  if (!/^[\x21-\x7e]{0,1000}$/.test(token))
    throw new LinescribeError("CONFIG_INVALID", "HF_TOKEN: expected a token without spaces, such as hf_...");
  return {
    hub: parseHub(from ?? loadSection("hub", sources)),
    token: token === "" ? null : token,
    folder: into ?? loadSection("models", sources),
  };
}
