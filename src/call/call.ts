/**
 * One phone call: its streams, its tracks, and its events from the first to the last.
 *
 * | state     | on                                        | next      |
 * |-----------|-------------------------------------------|-----------|
 * | expected  | stream opens                              | live      |
 * | expected  | call status, time-out                     | ended     |
 * | live      | stop                                      | ended     |
 * | live      | socket closes, call may recover           | suspended |
 * | live      | socket closes, call cannot recover        | ended     |
 * | live      | call or stream status: waits for the socket, closes after a grace time | ended |
 * | suspended | a new stream opens: the hole is a gap     | live      |
 * | suspended | call status, time-out                     | ended     |
 *
 * "ended" first drains: open utterances are recognised and committed, then `call.ended`, once and last.
 */
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { CallEndReason, EventDraft, GapCause, Track, TrackLabel } from "../transcript/event.ts";
import type { EndpointerOptions } from "../vad/endpointer-options.ts";
import type { Commit, Detector, TextRecogniser, TrackProgress } from "./ports.ts";
import { TrackScribe } from "./scribe.ts";
import { StreamTrack } from "./stream-track.ts";

export interface CallLimits {
  /** Audio that never came counts as a gap from this length on, ms. */
  minimumGapMs: number;
  /** How long an answered call may stay without a stream before it ends as `never_streamed`, ms. */
  streamWaitMs: number;
  /** How long a call whose stream died may stay without a new one, ms. */
  recoverMs: number;
  /** How long a status callback waits for the socket to deliver the rest, ms. */
  statusGraceMs: number;
}

export const DEFAULT_CALL_LIMITS: Readonly<CallLimits> = {
  minimumGapMs: 400,
  streamWaitMs: 6 * 60_000,
  recoverMs: 30_000,
  statusGraceMs: 5000,
};

/** What is known of a call that was open when an earlier run of the server stopped. */
export interface CallMemory {
  /** Unix ms of media time 0, or null when no stream had opened. */
  mediaStartAt: number | null;
  started: boolean;
  press: number;
  tracks: ReadonlyMap<Track, TrackMemory>;
}

export interface TrackMemory {
  /** Media time that a final, a gap or a watermark vouches for, ms. */
  reachedMs: number;
  /** What lies before it and was neither committed nor silence, ms, in order. */
  uncovered: readonly { startMs: number; endMs: number }[];
  nextUtterance: number;
  nextGap: number;
  finals: number;
  gaps: number;
}

export interface CallOptions {
  callSid: string;
  from: string;
  to: string;
  mode: "start" | "connect";
  tracks: readonly TrackLabel[];
  /** As configured, for the event. */
  language: string;
  /** A code of the model, or `auto`. */
  modelLanguage: string;
  announcement: string | null;
  endpointer: EndpointerOptions;
  limits: Readonly<CallLimits>;
  detector: Detector;
  recogniser: TextRecogniser;
  commit: Commit;
  /** Told of the wall clock of media time 0, Unix ms. */
  onMediaStart: (at: number) => void;
  /** The stream died and the call is suspended: ask the carrier for a new one. Returns whether there is hope. */
  requestStream: () => boolean;
  /** Ends the sockets that are still open. */
  closeStreams: () => void;
  onEnded: () => void;
  now: () => number;
  logger: Logger;
  counters: Counters;
  memory?: CallMemory;
}

type State = "expected" | "live" | "suspended" | "ending" | "ended";

/** Where a media stream delivers; see telephony's MediaSink, which this fits. */
export interface CallStream {
  packet(track: Track, timestampMs: number, mulaw: Uint8Array): void;
  dtmf(track: Track, digit: string): void;
  end(reason: "stream_stopped" | "stream_closed"): void;
}

export class Call {
  readonly #options: CallOptions;
  readonly #scribes: ReadonlyMap<Track, TrackScribe>;
  /** Media time up to which each track of the call has been dealt with by closed streams or by gaps, ms. */
  readonly #reachedMs = new Map<Track, number>();
  readonly #live = new Set<Map<Track, StreamTrack>>();
  /** Streams that are being drained. */
  readonly #draining = new Set<Promise<void>>();
  #state: State = "expected";
  #mediaStartAt: number | null;
  #started: boolean;
  #press: number;
  #parameters: Record<string, string> = {};
  #timer: NodeJS.Timeout | null = null;
  #ended: Promise<void> | null = null;
  #heldCommits: Promise<void> = Promise.resolve();

  constructor(options: CallOptions) {
    this.#options = options;
    const { memory } = options;
    this.#mediaStartAt = memory?.mediaStartAt ?? null;
    this.#started = memory?.started ?? false;
    this.#press = memory?.press ?? 0;
    this.#scribes = new Map(options.tracks.map((label) => [label.track, this.#createScribe(label)]));
    if (memory) this.#resume(memory);
    else this.#wait(options.limits.streamWaitMs, "never_streamed");
  }

  get state(): State {
    return this.#state;
  }

  /** Media time received but not yet looked at, ms: the most of any track. */
  get backlogMs(): number {
    let most = 0;
    for (const tracks of this.#live)
      for (const track of tracks.values()) most = Math.max(most, track.backlogMs);
    return most;
  }

  /** How far each track has come, for the watermark. */
  progress(): TrackProgress[] {
    return [...this.#scribes].map(([track, scribe]) => {
      let mediaMs = this.#reachedMs.get(track) ?? 0;
      let settledMs = mediaMs;
      for (const tracks of this.#live) {
        const stream = tracks.get(track);
        if (!stream) continue;
        mediaMs = Math.max(mediaMs, stream.mediaMs);
        settledMs = Math.max(settledMs, stream.settledMs);
      }
      return { track, mediaMs, settledMs: Math.min(settledMs, scribe.oldestOpenMs ?? settledMs) };
    });
  }

  /** A media stream opens. Returns null when the call has ended. */
  openStream(
    startedAt: number,
    tracks: readonly Track[],
    parameters: Record<string, string>,
  ): CallStream | null {
    if (this.#state === "ending" || this.#state === "ended") return null;
    this.#clearTimer();
    this.#state = "live";
    if (this.#mediaStartAt === null) {
      this.#mediaStartAt = startedAt;
      this.#options.onMediaStart(startedAt);
    }
    this.#parameters = parameters;
    this.#start();
    const offsetMs = Math.max(0, startedAt - this.#mediaStartAt, ...this.#reachedMs.values());
    const open = new Map<Track, StreamTrack>();
    for (const track of tracks) {
      const scribe = this.#scribes.get(track);
      if (!scribe) continue;
      this.#gapUpTo(track, offsetMs, "not_received");
      open.set(track, this.#openTrack(scribe, offsetMs));
    }
    this.#live.add(open);
    return this.#sink(open);
  }

  /** The carrier says that the call, or its stream, is over. The socket may still hold audio. */
  statusEnded(reason: "stream_status" | "call_status"): void {
    if (this.#state === "expected") {
      if (reason === "call_status") void this.end("never_streamed");
    } else if (this.#state === "suspended") {
      if (reason === "call_status") void this.end(reason);
    } else if (this.#state === "live") {
      this.#wait(this.#options.limits.statusGraceMs, reason);
    }
  }

  /** Ends the call; resolves when `call.ended` is committed. The first reason counts. */
  end(reason: CallEndReason): Promise<void> {
    this.#ended ??= this.#drainAndEnd(reason);
    return this.#ended;
  }

  async #drainAndEnd(reason: CallEndReason): Promise<void> {
    const { onEnded, closeStreams } = this.#options;
    this.#clearTimer();
    this.#state = "ending";
    this.#start();
    for (const open of [...this.#live]) this.#closeTracks(open);
    closeStreams();
    await Promise.all(this.#draining);
    const scribes = [...this.#scribes.values()];
    await Promise.all(scribes.map((scribe) => scribe.settled()));
    const total = (key: "finals" | "gaps") => scribes.reduce((sum, scribe) => sum + scribe[key], 0);
    await this.#commit({
      type: "call.ended",
      reason,
      durationMs: Math.round(Math.max(0, ...this.#reachedMs.values())),
      finals: total("finals"),
      gaps: total("gaps"),
    });
    this.#state = "ended";
    this.#options.logger.info({ reason, finals: total("finals"), gaps: total("gaps") }, "call ended");
    onEnded();
  }

  #sink(open: Map<Track, StreamTrack>): CallStream {
    const { counters, logger } = this.#options;
    return {
      packet: (track, timestampMs, mulaw) => {
        try {
          open.get(track)?.packet(timestampMs, mulaw);
        } catch (error) {
          counters.add("call.packetsRefused");
          if (!(error instanceof LinescribeError)) throw error;
        }
      },
      dtmf: (track, digit) => {
        const atMs = Math.round(open.get(track)?.mediaMs ?? 0);
        this.#press += 1;
        void this.#commit({ type: "call.dtmf", track, press: this.#press, digit, atMs });
      },
      end: (reason) => {
        if (!this.#live.has(open)) return;
        this.#closeTracks(open);
        logger.info({ reason }, "stream ended");
        if (this.#live.size > 0 || this.#ended) return;
        if (reason === "stream_closed" && this.#options.requestStream()) {
          this.#state = "suspended";
          this.#wait(this.#options.limits.recoverMs, "stream_closed");
        } else {
          void this.end(reason);
        }
      },
    };
  }

  #openTrack(scribe: TrackScribe, offsetMs: number): StreamTrack {
    const { endpointer, detector, counters, logger, limits } = this.#options;
    const track: StreamTrack = new StreamTrack({
      offsetMs,
      endpointer,
      detector,
      counters,
      onUtterance: (utterance) => scribe.utterance(utterance),
      onHole: (startMs, endMs) => {
        if (endMs - startMs >= limits.minimumGapMs) scribe.gap(startMs, endMs, "not_received");
      },
      onFailure: (error) => {
        logger.error({ code: error.code }, "speech detection failed on a track");
        failedAtMs = track.settledMs;
      },
    });
    let failedAtMs: number | null = null;
    this.#failures.set(track, () => failedAtMs);
    return track;
  }

  /** Where speech detection of a stream's track failed, media time in ms, or null. */
  readonly #failures = new WeakMap<StreamTrack, () => number | null>();

  #closeTracks(open: Map<Track, StreamTrack>): void {
    this.#live.delete(open);
    for (const [track, stream] of open) {
      // Reserved at once, so that a new stream starts behind this one while it still drains.
      this.#reachedMs.set(track, Math.max(this.#reachedMs.get(track) ?? 0, stream.mediaMs));
      const drained = stream.end().then(() => {
        this.#reachedMs.set(track, Math.max(this.#reachedMs.get(track) ?? 0, stream.mediaMs));
        const failedAtMs = this.#failures.get(stream)?.() ?? null;
        if (failedAtMs !== null) this.#scribes.get(track)?.gap(failedAtMs, stream.mediaMs, "not_recognised");
      });
      const guarded = drained.catch((error) => {
        this.#options.logger.error({ reason: messageOf(error) }, "stream was not drained");
      });
      this.#draining.add(guarded);
      void guarded.finally(() => this.#draining.delete(guarded));
    }
  }

  /** Commits a gap from where the track ended to `untilMs`, when that is long enough to matter. */
  #gapUpTo(track: Track, untilMs: number, cause: GapCause): void {
    const reachedMs = this.#reachedMs.get(track) ?? 0;
    this.#reachedMs.set(track, Math.max(reachedMs, untilMs));
    if (untilMs - reachedMs < this.#options.limits.minimumGapMs) return;
    this.#scribes.get(track)?.gap(Math.round(reachedMs), Math.round(untilMs), cause);
  }

  /** After a restart: everything that was not committed, up to now, was lost. */
  #resume({ tracks }: CallMemory): void {
    const { limits, now } = this.#options;
    if (this.#mediaStartAt !== null) {
      const elapsedMs = Math.max(0, now() - this.#mediaStartAt);
      for (const [track, { reachedMs, uncovered }] of tracks) {
        for (const { startMs, endMs } of uncovered) this.#scribes.get(track)?.gap(startMs, endMs, "crash");
        this.#reachedMs.set(track, reachedMs);
        this.#gapUpTo(track, elapsedMs, "crash");
      }
    }
    this.#state = this.#mediaStartAt === null ? "expected" : "suspended";
    this.#wait(limits.recoverMs, "crash");
  }

  #createScribe(label: TrackLabel): TrackScribe {
    const { callSid, modelLanguage, recogniser, logger, counters, memory } = this.#options;
    const known = memory?.tracks.get(label.track);
    const scribe = new TrackScribe({
      callSid,
      label,
      language: modelLanguage,
      recogniser,
      commit: (_sid, drafts) => this.#commit(...drafts),
      logger,
      counters,
      ...(known ? { nextUtterance: known.nextUtterance, nextGap: known.nextGap } : {}),
    });
    scribe.finals = known?.finals ?? 0;
    scribe.gaps = known?.gaps ?? 0;
    return scribe;
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    const { from, to, mode, tracks, language, announcement } = this.#options;
    const parameters = this.#parameters;
    void this.#commit({
      type: "call.started",
      from,
      to,
      mode,
      tracks: [...tracks],
      language,
      announcement,
      parameters,
    });
  }

  /** Commits in the order of calls, so that `call.started` is first and `call.ended` last. */
  #commit(...drafts: EventDraft[]): Promise<void> {
    const { callSid, commit, logger, counters } = this.#options;
    this.#heldCommits = this.#heldCommits.then(async () => {
      try {
        await commit(callSid, drafts);
      } catch (error) {
        counters.add("call.commitsLost");
        logger.error({ code: "STORE_FAILED", reason: messageOf(error) }, "events were not committed");
      }
    });
    return this.#heldCommits;
  }

  #wait(ms: number, reason: CallEndReason): void {
    this.#clearTimer();
    this.#timer = setTimeout(() => void this.end(reason), ms);
    this.#timer.unref();
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
