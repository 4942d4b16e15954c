/**
 * Sessions over a real store, a detector that hears loudness and a recogniser that answers how many ms it was given.
 */
import type { TestContext } from "node:test";
import { encodeAlaw, encodeMulaw } from "../../src/audio/g711.ts";
import { f32ToS16 } from "../../src/audio/sample.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { AudioFormat } from "../../src/session/audio-intake.ts";
import type { Session } from "../../src/session/session.ts";
import type { SessionRequest } from "../../src/session/session-options.ts";
import { Sessions, type SessionsOptions } from "../../src/session/sessions.ts";
import type { Store } from "../../src/store/store.ts";
import type { CallEvent } from "../../src/transcript/event.ts";
import type { TrackPartial } from "../../src/transcript/partial.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { type Interval, LoudnessDetector, ScriptedRecogniser } from "../call/fakes.ts";
import { temporaryStore } from "../store/sample.ts";

export const FLOAT_16K: AudioFormat = { encoding: "float32", sampleRateHz: 16_000 };

export interface Told {
  events: CallEvent[];
  partials: TrackPartial[];
  speechStartedMs: number[];
}

export interface SessionsRig {
  sessions: Sessions;
  store: Store;
  detector: LoudnessDetector;
  recogniser: ScriptedRecogniser & { pendingSeconds: number };
  counters: Counters;
  open(request?: Partial<SessionRequest>): { session: Session; told: Told };
}

export function sessionsOf(t: TestContext, options: Partial<SessionsOptions> = {}): SessionsRig {
  const store = temporaryStore(t);
  const detector = new LoudnessDetector();
  const recogniser = Object.assign(new ScriptedRecogniser(), {
    pendingSeconds: 0,
    language: (tag: string) => (tag === "tlh" ? null : tag),
  });
  const counters = new Counters();
  const sessions = new Sessions({
    detector,
    recogniser,
    store,
    commit: async (id, drafts) => store.commit(id, drafts),
    storeFailing: () => false,
    limits: { sessions: 100, backlogSeconds: 60 },
    now: () => 1_700_000_000_000,
    logger: silentLogger,
    counters,
    ...options,
  });
  const open = (request: Partial<SessionRequest> = {}) => {
    const told: Told = { events: [], partials: [], speechStartedMs: [] };
    const session = sessions.open(
      {
        surface: "/test",
        client: "tester",
        format: FLOAT_16K,
        chunking: { mode: "vad", endpointer: PROFILES.pcm },
        language: "en",
        ...request,
      },
      {
        onEvent: (event) => told.events.push(event),
        onPartial: (partial) => told.partials.push(partial),
        onSpeechStarted: (startMs) => told.speechStartedMs.push(startMs),
      },
    );
    return { session, told };
  };
  return { sessions, store, detector, recogniser, counters, open };
}

/** A tone where `speech` says and silence elsewhere. */
export function toneOf(lengthMs: number, speech: readonly Interval[], rateHz = 16_000): Float32Array {
  const f32 = new Float32Array(Math.round((lengthMs * rateHz) / 1000));
  for (const { startMs, endMs } of speech) {
    const end = Math.round((endMs * rateHz) / 1000);
    for (let at = Math.round((startMs * rateHz) / 1000); at < end; at++) {
      f32[at] = 0.4 * Math.sin((2 * Math.PI * 440 * at) / rateHz);
    }
  }
  return f32;
}

/** Samples as the bytes that a client sends. */
export function bytesOf(f32: Float32Array, { encoding }: Pick<AudioFormat, "encoding">): Uint8Array {
  if (encoding === "float32") return new Uint8Array(f32.slice().buffer);
  const s16 = f32ToS16(f32);
  if (encoding === "s16") return new Uint8Array(s16.buffer);
  return encoding === "mulaw" ? encodeMulaw(s16) : encodeAlaw(s16);
}

/** Of each event what tells it from the others. */
export function inShort(events: readonly CallEvent[]): string[] {
  return events.map((event) => {
    switch (event.type) {
      case "transcript.final":
        return `${event.sequence} final ${event.utterance} ${event.startMs}-${event.endMs}: ${event.text}`;
      case "transcript.gap":
        return `${event.sequence} gap ${event.gap} ${event.startMs}-${event.endMs} ${event.cause}`;
      case "call.ended":
        return `${event.sequence} ended ${event.reason} ${event.durationMs} ms, ${event.finals} finals, ${event.gaps} gaps`;
      default:
        return `${event.sequence} ${event.type}`;
    }
  });
}
