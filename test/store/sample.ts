/**
 * Calls, drafts and temporary stores for tests of the store and of delivery.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import type { NewCall } from "../../src/store/calls.ts";
import { openStore, type Store, type StoreOptions } from "../../src/store/store.ts";
import type { EventDraft, Track } from "../../src/transcript/event.ts";

type DraftOf<T extends EventDraft["type"]> = Extract<EventDraft, { type: T }>;

/** Thousands of commits that do not test the disk: where there is a file system in memory, they go there. */
export const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** A path in a directory that is removed after the test. */
export function temporaryFile(context: TestContext, root: string = MEMORY): string {
  const directory = mkdtempSync(path.join(root, "linescribe-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return path.join(directory, "linescribe.db");
}

/** An open store that is closed and removed after the test. */
export function temporaryStore(context: TestContext, options: Partial<StoreOptions> = {}): Store {
  const store = openStore({ path: temporaryFile(context), ...options });
  context.after(() => store.close());
  return store;
}

export function sampleCall(callSid: string, changes: Partial<NewCall> = {}): NewCall {
  return {
    callSid,
    to: "+15550100001",
    from: "+15550100002",
    mode: "start",
    endpoint: "http://127.0.0.1:9/hook",
    tracks: [
      { track: "inbound", label: "caller" },
      { track: "outbound", label: "agent" },
    ],
    startedAt: 1_700_000_000_000,
    ...changes,
  };
}

export function started(): DraftOf<"call.started"> {
  return {
    type: "call.started",
    from: "+15550100002",
    to: "+15550100001",
    mode: "start",
    tracks: [{ track: "inbound", label: "caller" }],
    language: "auto",
    announcement: null,
    parameters: { tenant: "naïve – 東京" },
  };
}

/** The utterance with this number lasts from `number` s to half a second later. */
export function final(
  utterance: number,
  track: Track = "inbound",
  text = `words ${utterance}`,
): DraftOf<"transcript.final"> {
  const startMs = utterance * 1000;
  return {
    type: "transcript.final",
    track,
    label: track === "inbound" ? "caller" : "agent",
    utterance,
    startMs,
    endMs: startMs + 500,
    text,
    language: "en",
    confidence: 0.9,
    words: [],
  };
}

export function gap(number: number, startMs: number, endMs: number): DraftOf<"transcript.gap"> {
  return {
    type: "transcript.gap",
    track: "inbound",
    label: "caller",
    gap: number,
    startMs,
    endMs,
    cause: "not_received",
  };
}

export function press(number: number, digit = "5"): DraftOf<"call.dtmf"> {
  return { type: "call.dtmf", track: "inbound", press: number, digit, atMs: number * 100 };
}

export function ended(): DraftOf<"call.ended"> {
  return { type: "call.ended", reason: "stream_stopped", durationMs: 9000, finals: 2, gaps: 1 };
}
