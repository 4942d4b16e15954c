/**
 * What must be true of a call at the receiver, whatever happened to the server in between.
 */
import { type CallEvent, TRACKS, type Track } from "../../src/transcript/event.ts";

export interface Delivery {
  id: string;
  /** As it was signed and sent. */
  body: string;
  event: CallEvent;
}

export interface Interval {
  startMs: number;
  endMs: number;
}

export type SpokenTracks = Partial<Record<Track, readonly Interval[]>>;

export interface JudgedCall {
  /** Everything that the receiver took for the call, in the order of arrival, repeats included. */
  deliveries: readonly Delivery[];
  /** Where the recording has speech, media time in ms. */
  spoken: SpokenTracks;
  /** Media time up to which the carrier sent sound, ms; the speech before it must be accounted for. */
  sentUntilMs: number;
}

export interface Verdict {
  faults: string[];
  finals: number;
  gaps: number;
  /** Deliveries of an id that had arrived before. */
  duplicates: number;
}

/**
 * Speech that may be missing in one piece, ms. A watermark that is a frame (32 ms) off, a breath at the edge of a
 * clip that is no speech to the detector, a torn-off piece in which no word is made out and that is too short to be told of
 * as a gap (`CLEAR_SPEECH_MS` of `call/scribe.ts`, 350), and the wall-clock offset of a later stream, which differs from the
 * recording's by the time a busy machine takes to read the start message: together below 450 ms.
 */
export const TOLERANCE_MS = 450;

export function judgeCall({ deliveries, spoken, sentUntilMs }: JudgedCall): Verdict {
  const faults: string[] = [];
  const { events, duplicates } = firstArrivals(deliveries, faults);
  checkOrder(events, faults);
  checkEnds(events, faults);
  for (const track of TRACKS) {
    const known = spoken[track] ?? [];
    checkCovered(track, events, known, sentUntilMs, faults);
    checkFinals(track, events, known, faults);
  }
  return { faults, finals: finalsOf(events).length, gaps: gapsOf(events).length, duplicates };
}

/** Each id once, as it came first; a second content under one id is a fault. */
function firstArrivals(
  deliveries: readonly Delivery[],
  faults: string[],
): { events: CallEvent[]; duplicates: number } {
  const bodies = new Map<string, string>();
  const events: CallEvent[] = [];
  let duplicates = 0;
  for (const { id, body, event } of deliveries) {
    const known = bodies.get(id);
    if (known === undefined) {
      bodies.set(id, body);
      events.push(event);
      if (event.id !== id) faults.push(`${id} carries the event ${event.id}`);
    } else if (known === body) duplicates += 1;
    else faults.push(`${id} came with two contents`);
  }
  return { events, duplicates };
}

function checkOrder(events: readonly CallEvent[], faults: string[]): void {
  const sequences = events.map(({ sequence }) => sequence);
  if (sequences.some((sequence, index) => sequence !== index + 1))
    faults.push(`sequences have holes or are out of order: ${sequences.join(" ")}`);
}

function checkEnds(events: readonly CallEvent[], faults: string[]): void {
  const count = (type: CallEvent["type"]) => events.filter((event) => event.type === type).length;
  if (events[0]?.type !== "call.started" || count("call.started") !== 1)
    faults.push(`expected call.started first and once, got it ${count("call.started")} times`);
  const last = events.at(-1);
  if (last?.type !== "call.ended" || count("call.ended") !== 1) {
    faults.push(`expected call.ended last and once, got it ${count("call.ended")} times`);
  } else if (last.finals !== finalsOf(events).length || last.gaps !== gapsOf(events).length) {
    faults.push(
      `call.ended counts ${last.finals} finals and ${last.gaps} gaps, arrived are ` +
        `${finalsOf(events).length} and ${gapsOf(events).length}`,
    );
  }
}

function checkCovered(
  track: Track,
  events: readonly CallEvent[],
  spoken: readonly Interval[],
  sentUntilMs: number,
  faults: string[],
): void {
  const covered = [...finalsOf(events), ...gapsOf(events)]
    .filter((event) => event.track === track)
    .sort((a, b) => a.startMs - b.startMs);
  for (const { startMs, endMs } of spoken) {
    let reachedMs = startMs;
    const untilMs = Math.min(endMs, sentUntilMs);
    for (const piece of [...covered, { startMs: untilMs, endMs: untilMs }]) {
      const holeEndMs = Math.min(piece.startMs, untilMs);
      if (holeEndMs - reachedMs > TOLERANCE_MS)
        faults.push(`${track}: speech from ${reachedMs} to ${holeEndMs} ms is in no final and no gap`);
      reachedMs = Math.max(reachedMs, piece.endMs);
    }
  }
}

function checkFinals(
  track: Track,
  events: readonly CallEvent[],
  spoken: readonly Interval[],
  faults: string[],
): void {
  const finals = finalsOf(events).filter((event) => event.track === track);
  for (const [index, final] of finals.entries()) {
    const { id, startMs, endMs, text } = final;
    if (text.trim() === "") faults.push(`${id} has no text`);
    if (!(endMs > startMs)) faults.push(`${id} goes from ${startMs} to ${endMs} ms`);
    if (!spoken.some((piece) => overlapMs(piece, final) > 0))
      faults.push(`${id} hears speech from ${startMs} to ${endMs} ms, where nobody speaks`);
    for (const other of finals.slice(index + 1)) {
      if (overlapMs(final, other) > TOLERANCE_MS)
        faults.push(`${id} and ${other.id} transcribe the same speech`);
    }
  }
}

function overlapMs(a: Interval, b: Interval): number {
  return Math.min(a.endMs, b.endMs) - Math.max(a.startMs, b.startMs);
}

function finalsOf(events: readonly CallEvent[]) {
  return events.flatMap((event) => (event.type === "transcript.final" ? [event] : []));
}

function gapsOf(events: readonly CallEvent[]) {
  return events.flatMap((event) => (event.type === "transcript.gap" ? [event] : []));
}
