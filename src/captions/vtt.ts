/**
 * WebVTT (https://www.w3.org/TR/webvtt1/).
 */
import type { Cue } from "./cue.ts";
import { clockOf } from "./time.ts";

/** A file of cues; without any it is still a valid one. */
export function asVtt(cues: readonly Cue[]): string {
  const blocks = cues.map(({ startMs, endMs, lines, speaker }) => {
    const times = `${clockOf(startMs, ".")} --> ${clockOf(endMs, ".")}`;
    const voice = speaker === undefined ? "" : `<v ${escaped(speaker)}>`;
    return `${times}\n${voice}${lines.map(escaped).join("\n")}\n`;
  });
  return ["WEBVTT\n", ...blocks].join("\n");
}

/** Cue text has character references for these (4.2.2); an arrow would make a line of text a line of times. */
function escaped(line: string): string {
  return line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
