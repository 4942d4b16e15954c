/**
 * Decodes files of audio for everybody: a few at once, the others wait in a bounded queue.
 */
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import { BoundedQueue } from "../base/queue.ts";
import { unsupported } from "./block.ts";
import { decodeWithFfmpeg } from "./ffmpeg.ts";
import { kindOf, type MediaKind } from "./kind.ts";
import { type ChannelLayout, DEFAULT_MEDIA_LIMITS, type MediaLimits } from "./limits.ts";
import { type CreateMediaWorker, decodeInThread } from "./media-thread.ts";
import type { MediaWorkerData } from "./media-worker.ts";
import type { Sound } from "./sound.ts";

export interface MediaDecoderOptions {
  /** Receives `media.queue.added|refused`, `media.decoded`, `media.ffmpeg` and `media.failed.<code>`. */
  counters: Counters;
  limits?: Partial<MediaLimits>;
  /** Files decoded at once. Default 1: decoding is much faster than recognition. */
  places?: number;
  /** Files that may wait; one more is refused with `MEDIA_OVERLOADED`. Default 16. */
  queueMaximum?: number;
  /** Path of an installed ffmpeg, for what no library here decodes; null when there is none. Default null. */
  ffmpeg?: string | null;
  createWorker?: CreateMediaWorker;
}

export interface DecodeOptions {
  /** The sound is not wanted any more. */
  signal?: AbortSignal | undefined;
  /** Of this file, if less than the limit of all; ms. */
  maximumDurationMs?: number | undefined;
}

/** What only ffmpeg decodes: there is no decoder of AAC that we may ship. */
const FFMPEG_ONLY: ReadonlySet<MediaKind> = new Set(["mp4", "aac"]);

interface Waiting {
  start: () => void;
}

export class MediaDecoder {
  readonly limits: Readonly<MediaLimits>;
  readonly #options: MediaDecoderOptions;
  readonly #queue: BoundedQueue<Waiting>;
  #free: number;
  readonly #closed = new AbortController();

  constructor(options: MediaDecoderOptions) {
    const { counters, limits, places = 1, queueMaximum = 16 } = options;
    this.limits = { ...DEFAULT_MEDIA_LIMITS, ...limits };
    this.#options = options;
    this.#free = places;
    this.#queue = new BoundedQueue({
      name: "media.queue",
      maximum: queueMaximum,
      policy: "refuse",
      counters,
    });
  }

  /**
   * Decodes a file to one track of 16 kHz, its channels mixed.
   *
   * @param bytes - The whole file; not to be changed meanwhile.
   * @throws {LinescribeError} `MEDIA_UNSUPPORTED`, `MEDIA_MALFORMED`, `MEDIA_TOO_LARGE`, `MEDIA_TOO_LONG`,
   *   `MEDIA_TIMEOUT`, `MEDIA_OVERLOADED` or `MEDIA_FAILED`; whatever the signal's reason is.
   */
  async decode(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Sound> {
    const [sound] = await this.#counted(bytes, "mixed", options);
    return sound as Sound;
  }

  /**
   * Decodes each channel of a file to a track of 16 kHz of its own, 1 to 8 of them; the limit of the duration is one of all
   * of them together.
   *
   * @param bytes - The whole file; not to be changed meanwhile.
   * @throws {LinescribeError} as `decode` does
   */
  decodeChannels(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Sound[]> {
    return this.#counted(bytes, "separate", options);
  }

  async #counted(
    bytes: Uint8Array,
    layout: ChannelLayout,
    { signal, maximumDurationMs = Infinity }: DecodeOptions,
  ): Promise<Sound[]> {
    const { counters } = this.#options;
    const ended = AbortSignal.any([this.#closed.signal, ...(signal ? [signal] : [])]);
    try {
      const tracks = await this.#decode(bytes, layout, ended, maximumDurationMs);
      counters.add("media.decoded");
      return tracks;
    } catch (error) {
      if (error instanceof LinescribeError) counters.add(`media.failed.${error.code}`);
      throw error;
    }
  }

  async #decode(
    bytes: Uint8Array,
    layout: ChannelLayout,
    signal: AbortSignal,
    ownMaximumMs: number,
  ): Promise<Sound[]> {
    const { maximumBytes, maximumDurationMs, deadlineMs } = this.limits;
    if (bytes.length > maximumBytes) {
      const message = `Expected a file of at most ${maximumBytes} bytes, got ${bytes.length}`;
      throw new LinescribeError("MEDIA_TOO_LARGE", message);
    }
    const kind = kindOf(bytes);
    if (kind === null) throw unsupported("The file is of no type that is known");
    await this.#place(signal);
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      const message = `The file was not decoded within ${deadlineMs} ms`;
      deadline.abort(new LinescribeError("MEDIA_TIMEOUT", message));
    }, deadlineMs);
    try {
      const data = { kind, bytes, layout, maximumDurationMs: Math.min(maximumDurationMs, ownMaximumMs) };
      return await this.#read(data, AbortSignal.any([signal, deadline.signal]));
    } finally {
      clearTimeout(timer);
      this.#leave();
    }
  }

  /** By a library where there is one for what the file turns out to be, else by ffmpeg. */
  async #read(data: MediaWorkerData, signal: AbortSignal): Promise<Sound[]> {
    const { ffmpeg = null, createWorker } = this.#options;
    try {
      if (FFMPEG_ONLY.has(data.kind))
        throw unsupported(`No library here decodes files of the kind ${data.kind}`);
      return await decodeInThread(data, signal, createWorker);
    } catch (error) {
      if (!(error instanceof LinescribeError) || error.code !== "MEDIA_UNSUPPORTED") throw error;
      if (ffmpeg === null) throw unsupported(`${error.message}; an installed ffmpeg may decode it`);
      this.#options.counters.add("media.ffmpeg");
      return await decodeWithFfmpeg({ ...data, program: ffmpeg }, signal);
    }
  }

  /** Resolves when it is this file's turn. */
  async #place(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = { start: resolve };
      if (!this.#queue.push(waiting)) {
        const message = `${this.#queue.maximum} files wait to be decoded`;
        reject(new LinescribeError("MEDIA_OVERLOADED", message, { retryable: true }));
        return;
      }
      const giveUp = (): void => {
        const others = this.#queue.drain().filter((other) => other !== waiting);
        for (const other of others.toReversed()) this.#queue.unshift(other);
        reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Hands the place to the next. */
  #leave(): void {
    const next = this.#queue.shift();
    if (next) next.start();
    else this.#free += 1;
  }

  /** Ends what is under way and waits, with `MEDIA_FAILED`; nothing is decoded any more. */
  close(): void {
    this.#closed.abort(new LinescribeError("MEDIA_FAILED", "The decoder was closed"));
  }
}
