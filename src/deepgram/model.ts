/**
 * The model that answers, as Deepgram's messages tell of it.
 */
import { createHash } from "node:crypto";

export interface ModelFacts {
  /** The same for one name, always. */
  uuid: string;
  info: { name: string; version: string; arch: string };
}

/** @param name - In the manifest, `whisper-base`. */
export function modelFacts(name: string): ModelFacts {
  const hex = createHash("sha256").update(`linescribe ${name}`).digest("hex");
  // Version 8 of RFC 9562: the rest is ours to choose.
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return {
    uuid: [...parts, hex.slice(20, 32)].join("-"),
    info: { name, version: "1", arch: "whisper" },
  };
}
