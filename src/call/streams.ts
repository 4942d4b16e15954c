/**
 * The media streams of one call, and how far each of its tracks has come over all of them.
 */
import { messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Track } from "../transcript/event.ts";
import type { StreamTrack } from "./stream-track.ts";

/** The tracks of one stream. */
export type OpenStream = ReadonlyMap<Track, StreamTrack>;

export class CallStreams {
  readonly #logger: Logger;
  /** Media time up to which each track was dealt with by streams that have ended, or by gaps, ms. */
  readonly #reachedMs = new Map<Track, number>();
  readonly #live = new Set<OpenStream>();
  /** Ended streams of which not everything was looked at yet. */
  readonly #draining = new Map<OpenStream, Promise<void>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get liveCount(): number {
    return this.#live.size;
  }

  isLive(stream: OpenStream): boolean {
    return this.#live.has(stream);
  }

  /** Media time received but not yet looked at, ms: the most of any track. */
  get backlogMs(): number {
    const tracks = [...this.#live, ...this.#draining.keys()].flatMap((stream) => [...stream.values()]);
    return tracks.reduce((most, { backlogMs }) => Math.max(most, backlogMs), 0);
  }

  /** Where the streams that have ended, and gaps, reach on any track, ms. */
  get furthestMs(): number {
    return Math.max(0, ...this.#reachedMs.values());
  }

  reachedMs(track: Track): number {
    return this.#reachedMs.get(track) ?? 0;
  }

  /** Nothing before `ms` is awaited on `track` any more. */
  reach(track: Track, ms: number): void {
    this.#reachedMs.set(track, Math.max(this.reachedMs(track), ms));
  }

  /** Media received on a track, and where everything before it has left its stream, ms. */
  progress(track: Track): { mediaMs: number; settledMs: number } {
    let mediaMs = this.reachedMs(track);
    let settledMs = Infinity;
    for (const stream of [...this.#draining.keys(), ...this.#live]) {
      const open = stream.get(track);
      if (!open) continue;
      mediaMs = Math.max(mediaMs, open.mediaMs);
      settledMs = Math.min(settledMs, open.settledMs);
    }
    return { mediaMs, settledMs: Math.min(settledMs, mediaMs) };
  }

  add(stream: OpenStream): void {
    this.#live.add(stream);
  }

  /** Takes no more from a stream. What it holds is still looked at; see `drained`. */
  close(stream: OpenStream): void {
    if (!this.#live.delete(stream)) return;
    const ends = [...stream].map(([track, open]) => {
      const ended = open.end();
      // At once, so that a new stream starts behind this one while it still drains.
      this.reach(track, open.mediaMs);
      return ended;
    });
    const drained = Promise.all(ends)
      .then(() => {})
      .catch((error) => this.#logger.error({ reason: messageOf(error) }, "stream was not drained"))
      .finally(() => this.#draining.delete(stream));
    this.#draining.set(stream, drained);
  }

  closeAll(): void {
    for (const stream of [...this.#live]) this.close(stream);
  }

  /** Resolves when every closed stream has told all that it held. */
  async drained(): Promise<void> {
    await Promise.all(this.#draining.values());
  }
}
