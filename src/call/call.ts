/**
 * One phone call: its streams, its tracks, and its events from the first to the last.
 *
 * | state     | on                                        | next      |
 * |-----------|-------------------------------------------|-----------|
 * | expected  | stream opens                              | live      |
 * | expected  | call status, time-out                     | ended     |
 * | live      | stop                                      | ended     |
 * | live      | socket closes, call may recover           | suspended |
 * | live      | socket closes, call cannot recover or a call status came | ended |
 * | live      | call or stream status: waits for the socket, closes after a grace time | ended |
 * | live      | another stream opens: takes the place of the first | live |
 * | suspended | a new stream opens: the hole is a gap     | live      |
 * | suspended | call status, time-out                     | ended     |
 *
 * "ended" first drains: open utterances are recognised and committed, then `call.ended`, once and last.
 */
import { NO_HINTS } from "../asr/hints.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { CallEndReason, EventDraft, GapCause, Track, TrackLabel } from "../transcript/event.ts";
import { CallHints } from "./call-hints.ts";
import type { CallMemory, CallOptions } from "./call-options.ts";
import type { TrackProgress } from "./ports.ts";
import { TrackScribe } from "./scribe.ts";
import { StreamTrack } from "./stream-track.ts";
import { CallStreams, type OpenStream } from "./streams.ts";

type State = "expected" | "live" | "suspended" | "ending" | "ended";

/** The longest time for which a call that a crash cut off counts as going on, ms: no carrier's call is longer. */
const MAXIMUM_CALL_MS = 24 * 3600 * 1000;
/** The carrier's packets; a shorter hole between two streams holds no sound, ms. */
const PACKET_MS = 20;

/** Where a media stream delivers; see telephony's MediaSink, which this fits. */
export interface CallStream {
  /** Takes a packet; one that does not fit the stream is counted (`call.packetsRefused`) and left out. */
  packet(track: Track, timestampMs: number, mulaw: Uint8Array): void;
  dtmf(track: Track, digit: string): void;
  end(reason: "stream_stopped" | "stream_closed"): void;
}

export class Call {
  readonly #options: CallOptions;
  readonly #hints: CallHints;
  readonly #scribes: ReadonlyMap<Track, TrackScribe>;
  readonly #streams: CallStreams;
  #state: State = "expected";
  /** Unix ms of media time 0. */
  #mediaStartAt: number | null;
  #started: boolean;
  #press: number;
  #parameters: Record<string, string> = {};
  /** The carrier says that the call is over; its socket is still open. */
  #statusReason: "stream_status" | "call_status" | null = null;
  #timer: NodeJS.Timeout | null = null;
  #ended: Promise<void> | null = null;
  #commits: Promise<void> = Promise.resolve();

  constructor(options: CallOptions) {
    this.#options = options;
    const { memory } = options;
    this.#mediaStartAt = memory?.mediaStartAt ?? null;
    this.#started = memory?.started ?? false;
    this.#press = memory?.press ?? 0;
    this.#streams = new CallStreams(options.logger);
    this.#hints = new CallHints({ ...options, ofNumber: options.hints ?? NO_HINTS });
    this.#scribes = new Map(options.tracks.map((label) => [label.track, this.#createScribe(label)]));
    if (memory) this.#resume(memory);
    else this.#wait(options.limits.streamWaitMs, "never_streamed");
  }

  get state(): State {
    return this.#state;
  }

  /** Media time received but not yet looked at, ms: the most of any track. */
  get backlogMs(): number {
    return this.#streams.backlogMs;
  }

  /** How far each track has come, for the watermark. */
  progress(): TrackProgress[] {
    return [...this.#scribes].map(([track, scribe]) => {
      const { mediaMs, settledMs } = this.#streams.progress(track);
      return { track, mediaMs, settledMs: Math.min(settledMs, scribe.oldestOpenMs ?? settledMs) };
    });
  }

  /**
   * A media stream opens.
   *
   * @param startedAt - Unix ms; media time 0 when it is the call's first.
   * @returns Where it delivers, or null when the call has ended.
   */
  openStream(
    startedAt: number,
    tracks: readonly Track[],
    parameters: Record<string, string>,
  ): CallStream | null {
    if (this.#state === "ending" || this.#state === "ended") return null;
    this.#clearTimer();
    this.#statusReason = null;
    this.#state = "live";
    if (this.#mediaStartAt === null) {
      this.#mediaStartAt = startedAt;
      this.#options.onMediaStart(startedAt);
    }
    this.#parameters = parameters;
    this.#hints.streamOpened(parameters);
    this.#start();
    // A stream that is still open has died without our knowing: the carrier does not open a second beside it.
    this.#streams.closeAll();
    const offsetMs = Math.ceil(Math.max(startedAt - this.#mediaStartAt, this.#streams.furthestMs));
    const open = new Map<Track, StreamTrack>();
    for (const track of tracks) {
      const scribe = this.#scribes.get(track);
      if (!scribe) continue;
      this.#gapUpTo(track, offsetMs, "not_received");
      open.set(track, this.#openTrack(scribe, offsetMs));
    }
    this.#streams.add(open);
    return this.#sink(open);
  }

  /** The carrier says that the call, or its stream, is over. The socket may still hold audio. */
  statusEnded(reason: "stream_status" | "call_status"): void {
    if (this.#state === "live") {
      if (this.#statusReason === null) this.#wait(this.#options.limits.statusGraceMs, reason);
      // A stream may come again, a call does not.
      if (this.#statusReason !== "call_status") this.#statusReason = reason;
    } else if (reason === "call_status" && !this.#ended) {
      void this.end(this.#mediaStartAt === null ? "never_streamed" : reason);
    }
  }

  /** Ends the call; resolves when `call.ended` is committed. The first reason counts. */
  end(reason: CallEndReason): Promise<void> {
    this.#ended ??= this.#drainAndEnd(reason);
    return this.#ended;
  }

  async #drainAndEnd(reason: CallEndReason): Promise<void> {
    const { onEnded, closeStreams, logger } = this.#options;
    this.#clearTimer();
    this.#state = "ending";
    this.#start();
    this.#streams.closeAll();
    closeStreams();
    await this.#streams.drained();
    const scribes = [...this.#scribes.values()];
    await Promise.all(scribes.map((scribe) => scribe.settled()));
    const finals = scribes.reduce((sum, scribe) => sum + scribe.finals, 0);
    const gaps = scribes.reduce((sum, scribe) => sum + scribe.gaps, 0);
    const durationMs = Math.round(this.#streams.furthestMs);
    await this.#commit({ type: "call.ended", reason, durationMs, finals, gaps });
    this.#state = "ended";
    logger.info({ reason, finals, gaps }, "call ended");
    onEnded();
  }

  #sink(open: OpenStream): CallStream {
    const { counters } = this.#options;
    return {
      packet: (track, timestampMs, mulaw) => {
        if (!this.#streams.isLive(open)) return;
        try {
          open.get(track)?.packet(timestampMs, mulaw);
        } catch (error) {
          counters.add("call.packetsRefused");
          if (!(error instanceof LinescribeError)) throw error;
        }
      },
      dtmf: (track, digit) => {
        if (!this.#streams.isLive(open)) return;
        const atMs = Math.round(this.#streams.progress(track).mediaMs);
        this.#press += 1;
        void this.#commit({ type: "call.dtmf", track, press: this.#press, digit, atMs });
      },
      end: (reason) => {
        if (this.#streams.isLive(open)) this.#streamEnded(open, reason);
      },
    };
  }

  #streamEnded(open: OpenStream, reason: "stream_stopped" | "stream_closed"): void {
    this.#streams.close(open);
    this.#options.logger.info({ reason }, "stream ended");
    if (reason === "stream_stopped") void this.end(reason);
    else if (this.#statusReason === "call_status") void this.end(this.#statusReason);
    else this.#suspend(reason);
  }

  /** Waits for a new stream, or ends the call when none can come. */
  #suspend(reason: "stream_closed" | "crash"): void {
    const { limits, requestStream } = this.#options;
    this.#state = "suspended";
    if (requestStream()) this.#wait(limits.recoverMs, reason);
    else void this.end(reason);
  }

  #openTrack(scribe: TrackScribe, offsetMs: number): StreamTrack {
    const { endpointer, detector, counters, logger, limits, now } = this.#options;
    const openedAt = now();
    return new StreamTrack({
      offsetMs,
      endpointer,
      detector,
      counters,
      elapsedMs: () => now() - openedAt,
      onUtterance: (utterance) => scribe.utterance(utterance),
      onOpen: (open) => scribe.open(open),
      onHole: (startMs, endMs) => {
        if (endMs - startMs >= limits.minimumGapMs) scribe.gap(startMs, endMs, "not_received");
      },
      onFailure: ({ code }) => logger.error({ code }, "speech detection failed on a track"),
      onUnheard: (startMs, endMs, { code }) =>
        scribe.gap(startMs, endMs, code === "VAD_OVERLOADED" ? "overload" : "not_recognised"),
    });
  }

  /** Commits a gap from where the track ended to `untilMs`: what was said while nobody listened is lost for certain. */
  #gapUpTo(track: Track, untilMs: number, cause: GapCause): void {
    const reachedMs = this.#streams.reachedMs(track);
    this.#streams.reach(track, untilMs);
    if (untilMs - reachedMs < PACKET_MS) return;
    this.#scribes.get(track)?.gap(Math.round(reachedMs), Math.round(untilMs), cause);
  }

  /** After a restart: everything that was not committed, up to now, was lost. */
  #resume({ tracks }: CallMemory): void {
    const { limits, now } = this.#options;
    if (this.#mediaStartAt === null) {
      // The announcement may still be spoken, and the token of the stream that follows it is still good.
      this.#wait(limits.streamWaitMs, "never_streamed");
      return;
    }
    this.#start();
    const elapsedMs = Math.min(Math.max(0, now() - this.#mediaStartAt), MAXIMUM_CALL_MS);
    for (const [track, { reachedMs, uncovered }] of tracks) {
      this.#streams.reach(track, reachedMs);
      for (const { startMs, endMs } of uncovered) {
        // What was received last and the time since then are one hole.
        const untilMs = endMs < reachedMs ? endMs : Math.max(endMs, elapsedMs);
        this.#scribes.get(track)?.gap(Math.round(startMs), Math.round(untilMs), "crash");
        this.#streams.reach(track, untilMs);
      }
      this.#gapUpTo(track, elapsedMs, "crash");
    }
    this.#suspend("crash");
  }

  #createScribe(label: TrackLabel): TrackScribe {
    const { callSid, modelLanguage, endpointer, endpointMs, logger, memory } = this.#options;
    const { recogniser, onPartial, counters } = this.#options;
    return new TrackScribe({
      // First: what the store remembers of a track has a label of its own, which is only the word.
      ...memory?.tracks.get(label.track),
      source: `${callSid} ${label.track}`,
      label,
      language: modelLanguage,
      recogniser: this.#hints.recogniserOf(recogniser),
      live: { ...endpointer, endpointMs },
      onPartial: onPartial && ((partial) => onPartial({ ...partial, callSid })),
      commit: (drafts) => this.#commit(...drafts),
      logger,
      counters,
    });
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    const { from, to, mode, tracks, language, announcement } = this.#options;
    const parameters = this.#parameters;
    const facts = { from, to, mode, tracks: [...tracks], language, announcement, parameters };
    void this.#commit({ type: "call.started", ...facts });
  }

  /** Commits one after the other, so that `call.started` is first and `call.ended` last. */
  #commit(...drafts: EventDraft[]): Promise<void> {
    const { callSid, commit, logger, counters } = this.#options;
    this.#commits = this.#commits.then(async () => {
      try {
        await commit(callSid, drafts);
      } catch (error) {
        counters.add("call.commitsLost");
        logger.error({ code: "STORE_FAILED", reason: messageOf(error) }, "events were not committed");
      }
    });
    return this.#commits;
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
