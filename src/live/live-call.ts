/**
 * A call or session that goes on, as far as somebody who begins to watch needs it: who, since when, the last lines.
 */
import type { CallKind, StoredCall } from "../store/calls.ts";
import type { CallEvent, TrackLabel } from "../transcript/event.ts";
import type { TranscriptPartial } from "../transcript/partial.ts";

/** What a watcher is told of a final, in a snapshot. */
export type LiveLine = Pick<
  Extract<CallEvent, { type: "transcript.final" }>,
  "track" | "label" | "utterance" | "startMs" | "endMs" | "text" | "confidence"
>;

export interface LiveCallFacts {
  callSid: string;
  kind: CallKind;
  to: string;
  from: string;
  tracks: TrackLabel[];
  /** When it began, ISO 8601 in UTC, or null when nobody knows. */
  startedAt: string | null;
}

/** A live call in a snapshot. */
export interface LiveCallState extends LiveCallFacts {
  finals: number;
  gaps: number;
  /** How far its media came as far as events tell, ms. */
  mediaMs: number;
  /** The last finals, oldest first. */
  lines: LiveLine[];
  /** What is being said, at most one of each track. */
  partials: TranscriptPartial[];
}

/** Lines that a snapshot has of each call; the others are in the store. */
const LINES = 4;

export function factsOf({ callSid, kind, to, from, tracks, startedAt }: StoredCall): LiveCallFacts {
  const began = startedAt === null ? null : new Date(startedAt).toISOString();
  return { callSid, kind, to, from, tracks, startedAt: began };
}

export class LiveCall {
  readonly #facts: LiveCallFacts;
  readonly #lines: LiveLine[] = [];
  readonly #partials = new Map<string, TranscriptPartial>();
  #finals = 0;
  #gaps = 0;
  #mediaMs = 0;

  constructor(facts: LiveCallFacts) {
    this.#facts = facts;
  }

  event(event: CallEvent): void {
    if (event.type === "transcript.gap") this.#gaps += 1;
    if (event.type === "transcript.final") this.#final(event);
    if ("endMs" in event) this.#mediaMs = Math.max(this.#mediaMs, event.endMs);
  }

  partial(partial: TranscriptPartial): void {
    this.#partials.set(partial.track, partial);
    this.#mediaMs = Math.max(this.#mediaMs, partial.endMs);
  }

  state(): LiveCallState {
    return {
      ...this.#facts,
      finals: this.#finals,
      gaps: this.#gaps,
      mediaMs: this.#mediaMs,
      lines: [...this.#lines],
      partials: [...this.#partials.values()],
    };
  }

  #final({ track, label, utterance, startMs, endMs, text, confidence }: LiveLine): void {
    this.#finals += 1;
    this.#lines.push({ track, label, utterance, startMs, endMs, text, confidence });
    if (this.#lines.length > LINES) this.#lines.shift();
    const open = this.#partials.get(track);
    if (open && open.utterance <= utterance) this.#partials.delete(track);
  }
}
