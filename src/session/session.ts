/**
 * One live session: bytes of a client in, partials and committed events out.
 *
 * Its first event is `call.started`, its last `call.ended`; in between are finals and gaps, each of a track.
 */
import { NO_HINTS } from "../asr/hints.ts";
import { messageOf } from "../base/error.ts";
import { withHints } from "../call/hinted.ts";
import type { TrackProgress } from "../call/ports.ts";
import type { CallEvent, EventDraft, Track, TrackLabel } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";
import { AudioIntake } from "./audio-intake.ts";
import { FixedTrack } from "./fixed-track.ts";
import {
  type SessionEndReason,
  type SessionListener,
  type SessionOptions,
  tracksOf,
} from "./session-options.ts";
import type { SpeechTrack } from "./speech-track.ts";
import type { TrackOptions } from "./track-options.ts";
import { VoiceTrack } from "./voice-track.ts";

const DEFAULT_ENDPOINT_MS = 400;

export class Session {
  readonly #options: SessionOptions;
  readonly #intake: AudioIntake;
  readonly #tracks: readonly (TrackLabel & { speech: SpeechTrack })[];
  #listener: SessionListener | null;
  /** Unix ms at which the first audio came. */
  #mediaStartAt: number | null = null;
  #commits: Promise<void> = Promise.resolve();
  #finals = 0;
  #gaps = 0;
  #ended: Promise<void> | null = null;

  constructor(options: SessionOptions, listener: SessionListener) {
    this.#options = options;
    this.#listener = listener;
    this.#intake = new AudioIntake(options.format);
    this.#tracks = tracksOf(options).map((label) => ({
      ...label,
      speech: createTrack(options, this.#trackOptions(label)),
    }));
    this.#start();
  }

  get id(): string {
    return this.#options.id;
  }

  /** Whole samples taken so far, at the client's rate: what it need not send again. */
  get samples(): number {
    return this.#intake.samples;
  }

  /** Bytes of a sample that is not whole yet. */
  get restBytes(): number {
    return this.#intake.restBytes;
  }

  /** Media time received, ms. */
  get receivedMs(): number {
    return this.#intake.receivedMs;
  }

  /** Media time before which everything is committed or was silence, ms. */
  get settledMs(): number {
    return Math.min(...this.progress().map(({ settledMs }) => settledMs));
  }

  /** How far each track has come, in the order of its channels. */
  progress(): TrackProgress[] {
    const mediaMs = this.receivedMs;
    return this.#tracks.map(({ track, speech }) => ({
      track,
      mediaMs,
      settledMs: Math.min(speech.settledMs, mediaMs),
    }));
  }

  /** Audio that is held, because it may still be needed, ms: who feeds a session waits while it is too much. */
  get lagMs(): number {
    return this.receivedMs - this.settledMs;
  }

  /** Unix ms at which the first audio came, or null. */
  get mediaStartAt(): number | null {
    return this.#mediaStartAt;
  }

  /** Whether it takes no more audio. */
  get ending(): boolean {
    return this.#ended !== null;
  }

  /**
   * Takes the next bytes, in any split; they are not kept. After the end they are ignored.
   *
   * @throws {LinescribeError} `SESSION_BAD_AUDIO` when a sample is NaN, infinite or far beyond full scale; the bytes are
   *   not taken, and the caller ends the session.
   */
  push(bytes: Uint8Array): void {
    if (this.#ended) return;
    const pcm16k = this.#intake.push(bytes);
    if (this.#intake.samples > 0) this.#mediaStartAt ??= this.#options.now();
    this.#pushEach(pcm16k);
  }

  /** The client starts the next bytes with a whole sample, because the rest of the last one was lost on the way. */
  forgetRest(): void {
    this.#intake.forgetRest();
  }

  /**
   * Makes final what was said so far; resolves when that is committed and told. The session goes on.
   *
   * @param only - The track; left out: all of them.
   */
  async flush(only?: Track): Promise<void> {
    if (this.#ended) return;
    this.#pushEach(this.#intake.takeBlocks());
    const flushed = this.#tracks.filter(({ track }) => only === undefined || track === only);
    await Promise.all(flushed.map(({ speech }) => speech.flush()));
  }

  /** Makes final what was said so far and ends; resolves when `call.ended` is committed and told. The first reason counts. */
  end(reason: SessionEndReason): Promise<void> {
    this.#ended ??= this.#end(reason);
    return this.#ended;
  }

  /** From now on another listener is told, or nobody: what is committed meanwhile is in `events`. */
  tell(listener: SessionListener | null): void {
    this.#listener = listener;
  }

  /** At most `limit` committed events after a sequence, in sequence. */
  events(after: number, limit: number): CallEvent[] {
    return this.#options.events(after, limit);
  }

  async #end(reason: SessionEndReason): Promise<void> {
    const { logger, onEnded } = this.#options;
    this.#pushEach(this.#intake.flush());
    await Promise.all(this.#tracks.map(({ speech }) => speech.end()));
    const durationMs = Math.round(this.receivedMs);
    const [finals, gaps] = [this.#finals, this.#gaps];
    await this.#commit([{ type: "call.ended", reason, durationMs, finals, gaps }]);
    logger.info({ reason, durationMs, finals, gaps }, "session ended");
    onEnded();
  }

  /** @param pcm16k - Of each track. */
  #pushEach(pcm16k: readonly Float32Array[]): void {
    for (const [index, { speech }] of this.#tracks.entries()) speech.push(pcm16k[index] as Float32Array);
  }

  #trackOptions({ track, label }: TrackLabel): TrackOptions {
    const { id, modelLanguage, detector, recogniser, hints = NO_HINTS, partials = true } = this.#options;
    const { logger, counters } = this.#options;
    return {
      source: track === "inbound" ? id : `${id} ${track}`,
      label: { track, label },
      language: modelLanguage,
      detector,
      recogniser: withHints(recogniser, () => hints),
      commit: (drafts) => this.#commit(drafts),
      onPartial: partials ? (partial) => this.#show(partial) : undefined,
      onSpeechStarted: (startMs) => this.#listener?.onSpeechStarted?.(startMs, track),
      onUtterance: (utterance) => this.#listener?.onUtterance?.({ ...utterance, track }),
      logger,
      counters,
    };
  }

  #show(partial: TrackPartial): void {
    this.#listener?.onPartial?.(partial);
    this.#options.onPartial?.(partial);
  }

  #start(): void {
    const { surface, client, language, parameters = {} } = this.#options;
    const parties = { from: client, to: surface, mode: "connect" } as const;
    const facts = { tracks: tracksOf(this.#options), language, announcement: null, parameters };
    void this.#commit([{ type: "call.started", ...parties, ...facts }]);
  }

  /** Commits one after the other and tells what was committed; what the store never takes is counted and logged. */
  #commit(drafts: EventDraft[]): Promise<void> {
    const { commit, logger, counters } = this.#options;
    this.#commits = this.#commits.then(async () => {
      try {
        for (const event of await commit(drafts)) this.#tell(event);
      } catch (error) {
        counters.add("session.commitsLost");
        logger.error({ code: "STORE_FAILED", reason: messageOf(error) }, "events were not committed");
      }
    });
    return this.#commits;
  }

  #tell(event: CallEvent): void {
    if (event.type === "transcript.final") this.#finals += 1;
    if (event.type === "transcript.gap") this.#gaps += 1;
    try {
      this.#listener?.onEvent(event);
    } catch (error) {
      this.#options.logger.error({ reason: messageOf(error) }, "the listener of a session failed");
    }
  }
}

function createTrack(
  { chunking, endpointMs = DEFAULT_ENDPOINT_MS }: SessionOptions,
  options: TrackOptions,
): SpeechTrack {
  return chunking.mode === "fixed"
    ? new FixedTrack({ ...options, ...chunking })
    : new VoiceTrack({ ...options, endpointer: chunking.endpointer, endpointMs });
}
