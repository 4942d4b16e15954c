/**
 * What a crash left behind: for each open call, the numbers to go on with and the media that nothing vouches for.
 */
import type { Track } from "../transcript/event.ts";
import type { Calls, Interval, StoredCall } from "./calls.ts";
import type { Events, EventTally } from "./events.ts";

export interface UnfinishedTrack {
  track: Track;
  label: string;
  /** Media that was received for certain, ms; up to a watermark period more may have been. */
  mediaMs: number;
  /** Watermark before which everything is committed or was silence, ms. */
  settledMs: number;
  finals: number;
  gaps: number;
  /** Numbers that the next final and the next gap on this track take. */
  nextUtterance: number;
  nextGap: number;
  /** What lies in [settledMs, mediaMs] and in no final and no gap, in order: it may hold lost speech. */
  uncovered: Interval[];
}

export interface UnfinishedCall extends Omit<StoredCall, "tracks"> {
  /** Whether `call.started` was committed. */
  started: boolean;
  finals: number;
  gaps: number;
  /** Number that the next key press of the call takes. */
  nextPress: number;
  tracks: UnfinishedTrack[];
}

export function unfinishedCalls(calls: Calls, events: Events): UnfinishedCall[] {
  return calls.unfinished().map((call) => {
    const tally = events.tally(call.callSid);
    const tracks = call.tracks.map(({ track, label }) => {
      const { mediaMs, settledMs } = calls.watermark(call.callSid, track);
      const covered = events.intervals(call.callSid, track, settledMs);
      return {
        track,
        label,
        mediaMs,
        settledMs,
        finals: countOf(tally, "transcript.final", track),
        gaps: countOf(tally, "transcript.gap", track),
        nextUtterance: nextNumber(tally, "transcript.final", track),
        nextGap: nextNumber(tally, "transcript.gap", track),
        uncovered: uncoveredBetween(settledMs, mediaMs, covered),
      };
    });
    return {
      ...call,
      started: countOf(tally, "call.started") > 0,
      finals: countOf(tally, "transcript.final"),
      gaps: countOf(tally, "transcript.gap"),
      nextPress: nextNumber(tally, "call.dtmf"),
      tracks,
    };
  });
}

function rowsOf(tally: EventTally[], type: EventTally["type"], track?: Track): EventTally[] {
  return tally.filter((row) => row.type === type && (track === undefined || row.track === track));
}

function countOf(tally: EventTally[], type: EventTally["type"], track?: Track): number {
  return rowsOf(tally, type, track).reduce((sum, { count }) => sum + count, 0);
}

function nextNumber(tally: EventTally[], type: EventTally["type"], track?: Track): number {
  return 1 + rowsOf(tally, type, track).reduce((highest, row) => Math.max(highest, row.highest ?? 0), 0);
}

/** [startMs, endMs] without `covered`, which is ordered by start and may overlap itself. */
export function uncoveredBetween(startMs: number, endMs: number, covered: readonly Interval[]): Interval[] {
  const holes: Interval[] = [];
  let reachedMs = startMs;
  for (const interval of covered) {
    if (interval.startMs > reachedMs) {
      holes.push({ startMs: reachedMs, endMs: Math.min(interval.startMs, endMs) });
    }
    reachedMs = Math.max(reachedMs, interval.endMs);
  }
  if (reachedMs < endMs) holes.push({ startMs: reachedMs, endMs });
  return holes.filter((hole) => hole.endMs > hole.startMs);
}
