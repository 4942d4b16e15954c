/**
 * The recorded calls of this package and what is said in them.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LinescribeError, messageOf } from "../../base/error.ts";
import type { Track } from "../../transcript/event.ts";
import { parseRecordedCall, type RecordedCall } from "../replay/recorded-call.ts";

/** What is said between two moments of stream time, ms. */
export interface SpokenText {
  track: Track;
  startMs: number;
  endMs: number;
  text: string;
}

export interface Fixture {
  call: RecordedCall;
  /** By their start. */
  spoken: SpokenText[];
}

/** The package's own `fixtures/calls`; the same from `src/` in a clone and from `dist/` in a package. */
export function callsDirectory(): string {
  return fileURLToPath(new URL("../../../fixtures/calls", import.meta.url));
}

/** @throws {LinescribeError} REPLAY_REFUSED when there is no such recorded call. */
export async function loadFixture(name: string): Promise<Fixture> {
  if (!/^[\w-]{1,100}$/.test(name))
    throw new LinescribeError("REPLAY_REFUSED", `No recorded call is called "${name}"`);
  try {
    const [messages, reference] = await Promise.all(
      ["jsonl", "reference.json"].map((end) =>
        readFile(path.join(callsDirectory(), `${name}.${end}`), "utf8"),
      ),
    );
    const { tracks } = JSON.parse(reference as string) as {
      tracks: Record<Track, Omit<SpokenText, "track">[]>;
    };
    const spoken = Object.entries(tracks).flatMap(([track, texts]) =>
      texts.map(({ startMs, endMs, text }) => ({ track: track as Track, startMs, endMs, text })),
    );
    return {
      call: parseRecordedCall(messages as string),
      spoken: spoken.sort((a, b) => a.startMs - b.startMs),
    };
  } catch (cause) {
    if (cause instanceof LinescribeError) throw cause;
    throw new LinescribeError(
      "REPLAY_REFUSED",
      `Cannot read the recorded call ${name}: ${messageOf(cause)}`,
      { cause },
    );
  }
}
