/**
 * SubRip, as players read it: numbered cues, times with a comma.
 */
import type { Cue } from "./cue.ts";
import { clockOf } from "./time.ts";

/** A file of cues; empty when there is none. */
export function asSrt(cues: readonly Cue[]): string {
  return cues
    .map(({ startMs, endMs, lines, speaker }, index) => {
      const times = `${clockOf(startMs, ",")} --> ${clockOf(endMs, ",")}`;
      const who = speaker === undefined ? "" : `${safe(speaker)}: `;
      return `${index + 1}\n${times}\n${who}${lines.map(safe).join("\n")}\n`;
    })
    .join("\n");
}

/** The format knows no escapes. Tags are shown as they are said with a bracket that looks alike, and so is the arrow. */
function safe(line: string): string {
  return line.replaceAll("-->", "--\u203a").replaceAll("<", "\u2039").replaceAll(">", "\u203a");
}
