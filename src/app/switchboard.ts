/**
 * The calls of this machine: what the carrier's side asks for (`TelephonyPort`), answered with calls.
 */
import type { Counters } from "../base/counters.ts";
import { messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { maskNumber } from "../base/log.ts";
import { Call } from "../call/call.ts";
import {
  type CallLimits,
  type CallMemory,
  type CallOptions,
  DEFAULT_CALL_LIMITS,
} from "../call/call-options.ts";
import type { Detector, TextRecogniser } from "../call/ports.ts";
import { whileWatched } from "../call/watched.ts";
import type { Store } from "../store/store.ts";
import type { CallInfo, MediaSink, StreamInfo, StreamStatus, TelephonyPort } from "../telephony/port.ts";
import { DEFAULT_MAXIMUM_RECOVERIES } from "../telephony/voice.ts";
import type { CallEndReason, TrackLabel } from "../transcript/event.ts";
import type { TranscriptPartial } from "../transcript/partial.ts";
import type { Committer } from "./committer.ts";
import type { Config, Line } from "./config.ts";
import type { Endpointing } from "./config-endpointing.ts";

export interface SwitchboardOptions {
  config: Pick<Config, "lines" | "endpointer" | "endpointMs"> & {
    limits: Omit<Config["limits"], "sessions">;
  };
  detector: Detector;
  recogniser: TextRecogniser & { language(tag: string): string | null; readonly pendingSeconds: number };
  store: Store;
  committer: Committer;
  /** Whether and how a stream that died on a `start` number is started again. */
  restartStream: ((callSid: string, line: Line) => Promise<unknown>) | null;
  closeStream: (callSid: string) => void;
  /** Told what is being said; absent: no partials are made. */
  onPartial?: ((partial: TranscriptPartial) => void) | undefined;
  /** Whether somebody wants partials now; absent: always. */
  watched?: () => boolean;
  logger: Logger;
  counters: Counters;
  now?: () => number;
  callLimits?: Partial<CallLimits>;
}

/** Call statuses after which there is no call. */
const FINAL_STATUSES = new Set(["completed", "busy", "failed", "no-answer", "canceled"]);
/** How often the watermark of live calls is stored: what a crash may take from the end of a call, ms. */
export const WATERMARK_MS = 2000;

export class Switchboard implements TelephonyPort {
  readonly #options: SwitchboardOptions;
  readonly #now: () => number;
  readonly #calls = new Map<string, Call>();
  /** The stream that each call opened last: what the carrier tells of an earlier one is old news. */
  readonly #newestStreams = new Map<string, string>();
  /** Media starts (Unix ms) that the store would not take yet; tried again with every watermark. */
  readonly #unsavedStarts = new Map<string, number>();
  #draining = false;

  constructor(options: SwitchboardOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Calls that have not ended. */
  get active(): number {
    return this.#calls.size;
  }

  /** The most media time that any live call has received but not processed, ms; recognition included. */
  get backlogMs(): number {
    let most = 0;
    for (const call of this.#calls.values()) most = Math.max(most, call.backlogMs);
    return Math.round(most + this.#options.recogniser.pendingSeconds * 1000);
  }

  /** Whether a new call would be answered without a stream: all places taken, too far behind, or no store. */
  get overloaded(): boolean {
    const { config, recogniser, committer } = this.#options;
    return (
      this.#calls.size >= config.limits.calls ||
      recogniser.pendingSeconds > config.limits.backlogSeconds ||
      committer.failure !== null
    );
  }

  findNumber(to: string): Line | null {
    const { lines } = this.#options.config;
    return lines.get(to) ?? lines.get("*") ?? null;
  }

  hasCall(callSid: string): boolean {
    return this.#calls.has(callSid) || this.#options.store.call(callSid) !== null;
  }

  admit(callSid: string): "accepted" | "overloaded" | "draining" {
    if (this.#calls.has(callSid)) return "accepted";
    if (this.#draining) return "draining";
    if (!this.overloaded) return "accepted";
    this.#options.counters.add("calls.overloaded");
    return "overloaded";
  }

  callAnswered({ callSid, from, to, entry }: CallInfo): void {
    if (this.#calls.has(callSid) || this.#options.store.call(callSid)?.endedAt) return;
    const line = entry as Line;
    const tracks = line.tracks.map((track) => ({ track, label: line.labels[track] }));
    const call = { callSid, from, to, mode: line.mode, tracks };
    this.#options.store.openCall({ ...call, endpoint: line.endpoint, startedAt: this.#now() });
    this.#add({ ...call, line });
    this.#options.counters.add("calls.answered");
    this.#options.logger.info(
      { callSid, from: maskNumber(from), to: maskNumber(to), mode: line.mode },
      "call answered",
    );
  }

  openStream({ callSid, streamSid, startedAt, tracks, parameters }: StreamInfo): MediaSink | null {
    const call = this.#calls.get(callSid);
    if (!call) return null;
    this.#options.logger.info({ callSid, streamSid, tracks }, "stream opened");
    this.#newestStreams.set(callSid, streamSid);
    return call.openStream(startedAt, tracks, parameters);
  }

  streamStatus(callSid: string, streamSid: string, event: StreamStatus): void {
    if (event === "stream-started" || this.#newestStreams.get(callSid) !== streamSid) return;
    this.#calls.get(callSid)?.statusEnded("stream_status");
  }

  callStatus(callSid: string, status: string): void {
    if (FINAL_STATUSES.has(status)) this.#calls.get(callSid)?.statusEnded("call_status");
  }

  /** Takes up the calls that an earlier run left open: their lost speech becomes gaps, then they end or go on. */
  recover(): number {
    const { store, logger } = this.#options;
    const unfinished = store.unfinishedCalls().filter(({ kind }) => kind === "call");
    for (const found of unfinished) {
      const line = this.findNumber(found.to) ?? unknownLine(found, this.#options.config);
      const memory: CallMemory = {
        mediaStartAt: found.mediaStartAt,
        started: found.started,
        press: found.nextPress - 1,
        tracks: new Map(found.tracks.map((track) => [track.track, { ...track, reachedMs: track.mediaMs }])),
      };
      const tracks = found.tracks.map(({ track, label }) => ({ track, label }));
      const { callSid, from, to, mode } = found;
      this.#add({ callSid, from, to, mode, tracks, line, memory });
    }
    if (unfinished.length > 0)
      logger.warn({ calls: unfinished.length }, "took up the calls of an earlier run");
    return unfinished.length;
  }

  /** Stores how far every live call has come. */
  saveWatermarks(): void {
    for (const [callSid, at] of this.#unsavedStarts) {
      this.#options.store.setMediaStart(callSid, at);
      this.#unsavedStarts.delete(callSid);
    }
    const rows = [...this.#calls].flatMap(([callSid, call]) =>
      call.progress().map((progress) => ({ callSid, ...progress })),
    );
    if (rows.length > 0) this.#options.store.saveWatermarks(rows);
  }

  /** No new calls from now on. */
  drain(): void {
    this.#draining = true;
  }

  /** Ends every call; resolves when the last `call.ended` is committed. */
  async endAll(reason: CallEndReason): Promise<void> {
    await Promise.all([...this.#calls.values()].map((call) => call.end(reason)));
  }

  #add(found: {
    callSid: string;
    from: string;
    to: string;
    mode: "start" | "connect";
    tracks: TrackLabel[];
    line: Line;
    memory?: CallMemory;
  }): void {
    const { callSid, line, memory, ...facts } = found;
    const { config, detector, recogniser, committer, closeStream, onPartial, logger, counters, callLimits } =
      this.#options;
    const { watched } = this.#options;
    let restarts = 0;
    const options: CallOptions = {
      callSid,
      ...facts,
      language: line.language,
      modelLanguage: recogniser.language(line.language) ?? "auto",
      hints: line.hints,
      announcement: line.announcement,
      endpointer: line.endpointer,
      endpointMs: line.endpointMs,
      onPartial,
      limits: { ...DEFAULT_CALL_LIMITS, recoverMs: config.limits.recoverMs, ...callLimits },
      detector,
      recogniser: watched ? whileWatched(recogniser, watched) : recogniser,
      commit: async (_callSid, drafts) => {
        await committer.commit(callSid, drafts);
      },
      onMediaStart: (at) => this.#saveMediaStart(callSid, at),
      requestStream: () => this.#requestStream(callSid, line, ++restarts),
      closeStreams: () => closeStream(callSid),
      onEnded: () => {
        this.#calls.delete(callSid);
        this.#newestStreams.delete(callSid);
        this.#unsavedStarts.delete(callSid);
        counters.add("calls.ended");
      },
      now: this.#now,
      logger: logger.child({ callSid }),
      counters,
      ...(memory ? { memory } : {}),
    };
    this.#calls.set(callSid, new Call(options));
  }

  /** A store that is full for a moment must not cost the call its transcript. */
  #saveMediaStart(callSid: string, at: number): void {
    const { store, logger } = this.#options;
    try {
      store.setMediaStart(callSid, at);
    } catch (error) {
      logger.warn({ callSid, reason: messageOf(error) }, "the start of a stream was not stored yet");
      this.#unsavedStarts.set(callSid, at);
    }
  }

  /** A stream died. On `connect` numbers the verb behind it comes back to us; on `start` numbers we must ask. */
  #requestStream(callSid: string, line: Line, restart: number): boolean {
    if (this.#draining) return false;
    if (line.mode === "connect") return true;
    const { restartStream, logger } = this.#options;
    if (!restartStream) return false;
    if (restart > DEFAULT_MAXIMUM_RECOVERIES) {
      logger.error({ callSid, restart }, "media stream died too often; it is not started again");
      return false;
    }
    restartStream(callSid, line).catch((error) => {
      logger.error({ callSid, code: error.code, reason: error.message }, "stream was not started again");
      void this.#calls.get(callSid)?.end("stream_closed");
    });
    return true;
  }
}

/** A number that was taken out of the configuration while a call was on it. */
function unknownLine(
  { to, mode, endpoint }: { to: string; mode: "start" | "connect"; endpoint: string | null },
  { endpointer, endpointMs }: Endpointing,
): Line {
  const labels = { inbound: "inbound", outbound: "outbound" };
  const common = { number: to, mode, endpoint, labels, tracks: [], language: "auto", announcement: null };
  return { ...common, endpointer, endpointMs, then: null, overloadMessage: "" };
}
