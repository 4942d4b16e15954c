/**
 * One call over small ports: its events, its clock, and what it asked of the carrier.
 */
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { Call, type CallStream } from "../../src/call/call.ts";
import type { CallOptions } from "../../src/call/call-options.ts";
import type { EventDraft, Track } from "../../src/transcript/event.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { LoudnessDetector, type Packet, packetsOf, ScriptedRecogniser } from "./fakes.ts";

export const START_AT = 1_700_000_000_000;
export const LIMITS = { minimumGapMs: 400, streamWaitMs: 60_000, recoverMs: 10_000, statusGraceMs: 5000 };

export interface CallRig {
  call: Call;
  detector: LoudnessDetector;
  recogniser: ScriptedRecogniser;
  counters: Counters;
  events: EventDraft[];
  clock: { now: number };
  /** What the call did besides committing. */
  did: { mediaStart: number[]; requested: number; closed: number; ended: number };
  open(tracks?: readonly Track[], parameters?: Record<string, string>): CallStream;
}

/** @param canRecover - Whether a stream that dies may come back. */
export function callOf(options: Partial<CallOptions> = {}, canRecover = true): CallRig {
  const detector = new LoudnessDetector();
  const recogniser = new ScriptedRecogniser();
  const counters = new Counters();
  const events: EventDraft[] = [];
  const clock = { now: START_AT };
  const did = { mediaStart: [] as number[], requested: 0, closed: 0, ended: 0 };
  const call = new Call({
    callSid: "CA1",
    from: "+15550100123",
    to: "+15550100100",
    mode: "connect",
    tracks: [{ track: "inbound", label: "caller" }],
    language: "en-US",
    modelLanguage: "en",
    announcement: "This call is transcribed.",
    endpointer: PROFILES.phone,
    endpointMs: 400,
    limits: LIMITS,
    detector,
    recogniser,
    commit: async (_callSid, drafts) => {
      events.push(...drafts);
    },
    onMediaStart: (at) => did.mediaStart.push(at),
    requestStream: () => {
      did.requested += 1;
      return canRecover;
    },
    closeStreams: () => {
      did.closed += 1;
    },
    onEnded: () => {
      did.ended += 1;
    },
    now: () => clock.now,
    logger: silentLogger,
    counters,
    ...options,
  });
  return {
    call,
    detector,
    recogniser,
    counters,
    events,
    clock,
    did,
    open(tracks = ["inbound"], parameters = {}) {
      const stream = call.openStream(clock.now, tracks, parameters);
      if (!stream) throw new Error("the call has ended");
      return stream;
    },
  };
}

/** Sends sound as packets from `fromMs` of the stream on. */
export function say(
  stream: CallStream,
  mulaw: Uint8Array,
  { track = "inbound" as Track, fromMs = 0 } = {},
): void {
  send(stream, packetsOf(mulaw, [20], fromMs), track);
}

export function send(stream: CallStream, packets: readonly Packet[], track: Track = "inbound"): void {
  for (const { timestampMs, mulaw } of packets) stream.packet(track, timestampMs, mulaw);
}

/** Lets promises run that no timer holds back. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Of each event what tells it from the others. */
export function shortly(events: readonly EventDraft[]): string[] {
  return events.map(inShort);
}

function inShort(event: EventDraft): string {
  switch (event.type) {
    case "call.started":
      return "started";
    case "transcript.final":
      return `${event.track} ${event.utterance}: ${event.text}`;
    case "transcript.gap":
      return `${event.track} gap ${event.gap}: ${event.startMs}-${event.endMs} ${event.cause}`;
    case "call.dtmf":
      return `press ${event.press}: ${event.digit} at ${event.atMs}`;
    case "call.ended":
      return `ended: ${event.reason}, ${event.durationMs} ms, ${event.finals} finals, ${event.gaps} gaps`;
  }
}

export function finalsOf(events: readonly EventDraft[]) {
  return events.flatMap((event) => (event.type === "transcript.final" ? [event] : []));
}
