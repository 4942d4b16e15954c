/**
 * `endpointing` as our endpointer has it.
 */
import type { EndpointerOptions } from "../vad/endpointer-options.ts";
import { endpointerOptions, PROFILES } from "../vad/profile.ts";
import type { LiveOptions } from "./options.ts";

/**
 * The shortest silence that ends what was said, ms. Theirs is 10 by default, of words that were recognised before; ours
 * is recognised when it has ended, and what is cut within a sentence is heard worse: see docs/endpointing.md.
 */
export const ENDPOINTING_FLOOR_MS = 300;

export function endpointerOf(endpointing: LiveOptions["endpointing"]): Readonly<EndpointerOptions> {
  if (typeof endpointing !== "number") return PROFILES.phone;
  const silenceMs = Math.max(ENDPOINTING_FLOOR_MS, endpointing);
  return endpointerOptions("phone", {
    silenceMs,
    longSilenceMs: silenceMs,
    hangoverPadMs: Math.min(PROFILES.phone.hangoverPadMs, silenceMs),
  });
}
