/**
 * What a file may cost.
 */
export interface MediaLimits {
  /** Bytes of the file at most. */
  maximumBytes: number;
  /** How long it may play, ms; where channels are separate, all of them together. */
  maximumDurationMs: number;
  /** How long decoding may take, ms of wall-clock time; the wait for a place is not counted. */
  deadlineMs: number;
}

export const DEFAULT_MEDIA_LIMITS: Readonly<MediaLimits> = Object.freeze({
  maximumBytes: 25 * 1024 * 1024,
  maximumDurationMs: 3_600_000,
  deadlineMs: 120_000,
});

/** Channels of a file at most. */
export const MAXIMUM_CHANNELS = 8;

/** What becomes of the channels of a file: one track of all of them, or one track each. */
export type ChannelLayout = "mixed" | "separate";

/** Decoding gives way to calls: to their sockets, and to recognition, which has 5. */
export const DECODING_NICENESS = 10;
