/**
 * The unmodified client of OpenAI at a rig's server, and files for it.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import OpenAI from "openai";
import type { Rig } from "./rig.ts";

export function openaiOf({ server }: Rig): OpenAI {
  return new OpenAI({ apiKey: "unused", baseURL: `${server.url}/v1`, maxRetries: 0 });
}

/** A file of `fixtures/containers`. */
export function container(name: string): File {
  const file = path.resolve(import.meta.dirname, "../../fixtures/containers", name);
  return new File([new Uint8Array(readFileSync(file))], name);
}
