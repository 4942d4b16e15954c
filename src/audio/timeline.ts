/**
 * Turns the packets of one track into a gapless run of mu-law bytes whose position is its time.
 */
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import { expectInteger, expectNumber } from "../base/guards.ts";
import { msToSamples, PHONE_RATE_HZ, PHONE_SAMPLES_PER_MS } from "../base/time.ts";
import { MULAW_SILENCE } from "./g711.ts";

export interface TrackPacket {
  /** Milliseconds of media time since the start of the stream; whole in practice, fractions are taken. */
  timestampMs: number;
  /** Any number of bytes, 8 kHz. Kept without a copy: whoever pushes it does not change it afterwards. */
  mulaw: Uint8Array;
}

export interface Span {
  /** Exact: a multiple of 1/8 ms, where the span before it ended; the first starts at 0. */
  startMs: number;
  /** Read-only: it may be part of a packet, and silence is shared by many spans. Silence is at most 1 s. */
  mulaw: Uint8Array;
  /** False for silence that stands for audio that never came. */
  received: boolean;
}

export interface PacketTimelineOptions {
  /**
   * Takes `packets.received` (every packet pushed), `packets.late` (its time had passed), `packets.duplicate`,
   * `packets.reordered` (came after a later one, but in time), `samples.missing` and `samples.trimmed` (overlaps).
   */
  counters: Counters;
  /** Packets held while one before them is missing, 0 to 100, default 4. A packet may come this many too late. */
  windowPackets?: number;
  /** Timestamps that are off by no more than this count as jitter and move nothing, 1 to 1000, default 10. */
  toleranceMs?: number;
  /** Longest jump of one packet past everything known, default 600000. */
  maximumHoleMs?: number;
}

interface Placed {
  /** Sample position that the timestamp claims. */
  start: number;
  mulaw: Uint8Array;
}

const SILENCE_PIECE_SAMPLES = PHONE_RATE_HZ;
const MAXIMUM_WINDOW_PACKETS = 100;
/** Emitted packets remembered, so that a repeat is told from a late packet. */
const REMEMBERED_PACKETS = 16;
/** No carrier streams a call this long; it also keeps positions exact. */
const MAXIMUM_POSITION_MS = 24 * 3600 * 1000;

export class PacketTimeline {
  readonly #counters: Counters;
  readonly #windowPackets: number;
  readonly #toleranceSamples: number;
  readonly #maximumHoleMs: number;
  readonly #silence = new Uint8Array(SILENCE_PIECE_SAMPLES).fill(MULAW_SILENCE);
  /** Waiting for a packet before them, ordered by `start`; at most `windowPackets` between two pushes. */
  readonly #held: Placed[] = [];
  /** Last emitted, newest last. */
  readonly #emitted: Placed[] = [];
  /** Samples emitted, and so the position of the next one. */
  #next = 0;

  constructor({
    counters,
    windowPackets = 4,
    toleranceMs = 10,
    maximumHoleMs = 600_000,
  }: PacketTimelineOptions) {
    this.#counters = counters;
    this.#windowPackets = expectInteger("windowPackets", windowPackets, 0, MAXIMUM_WINDOW_PACKETS);
    this.#toleranceSamples = msToSamples(expectNumber("toleranceMs", toleranceMs, 1, 1000), PHONE_RATE_HZ);
    this.#maximumHoleMs = expectNumber("maximumHoleMs", maximumHoleMs, 0, MAXIMUM_POSITION_MS);
  }

  /** Where the next span will start. */
  get nextMs(): number {
    return this.#next / PHONE_SAMPLES_PER_MS;
  }

  /**
   * Takes a packet and returns what is settled now, in order.
   *
   * @throws {LinescribeError} STREAM_BAD_MESSAGE when the timestamp is not a time of this stream: negative, not a
   *   number, over 24 hours, or a jump past `maximumHoleMs`. The packet is refused and nothing changes.
   */
  push(packet: TrackPacket): Span[] {
    const placed = { start: this.#startOf(packet.timestampMs), mulaw: packet.mulaw };
    this.#counters.add("packets.received");
    if (placed.mulaw.length === 0) return [];
    if (this.#isDuplicate(placed)) {
      this.#counters.add("packets.duplicate");
      return [];
    }
    this.#hold(placed);
    const spans: Span[] = [];
    this.#release(spans, this.#windowPackets);
    return spans;
  }

  /**
   * Returns everything held, with its holes filled.
   *
   * @param untilMs - Where the track is known to end: silence is added up to it, if it is not within the tolerance.
   */
  flush(untilMs = 0): Span[] {
    const until = msToSamples(expectNumber("untilMs", untilMs, 0, MAXIMUM_POSITION_MS), PHONE_RATE_HZ);
    const spans: Span[] = [];
    this.#release(spans, 0);
    if (until - this.#next > this.#toleranceSamples) this.#fill(spans, until - this.#next);
    return spans;
  }

  #startOf(timestampMs: number): number {
    if (!(timestampMs >= 0 && timestampMs <= MAXIMUM_POSITION_MS)) {
      throw new LinescribeError(
        "STREAM_BAD_MESSAGE",
        `Expected a timestamp of 0 to ${MAXIMUM_POSITION_MS} ms, got ${timestampMs}`,
      );
    }
    const last = this.#held.at(-1);
    const known = Math.max(this.#next, last ? last.start + last.mulaw.length : 0);
    const jumpMs = timestampMs - known / PHONE_SAMPLES_PER_MS;
    if (jumpMs > this.#maximumHoleMs) {
      throw new LinescribeError(
        "STREAM_BAD_MESSAGE",
        `Expected a timestamp at most ${this.#maximumHoleMs} ms past the audio so far, got ${jumpMs} ms past it`,
      );
    }
    return msToSamples(timestampMs, PHONE_RATE_HZ);
  }

  /**
   * The same bytes for the same time. Packets under 1 ms are never duplicates: several share a timestamp.
   */
  #isDuplicate({ start, mulaw }: Placed): boolean {
    const isSame = (other: Placed): boolean =>
      other.start === start &&
      other.mulaw.length === mulaw.length &&
      other.mulaw.every((byte, index) => byte === mulaw[index]);
    return mulaw.length >= PHONE_SAMPLES_PER_MS && (this.#held.some(isSame) || this.#emitted.some(isSame));
  }

  /** Inserts by time, behind those of the same time. */
  #hold(placed: Placed): void {
    const later = this.#held.findIndex(({ start }) => start > placed.start);
    if (later === -1) {
      this.#held.push(placed);
      return;
    }
    if (placed.start >= this.#next) this.#counters.add("packets.reordered");
    this.#held.splice(later, 0, placed);
  }

  /** Emits from the head while nothing is missing before it, or while more than `allowed` are held. */
  #release(spans: Span[], allowed: number): void {
    for (let head = this.#held[0]; head; head = this.#held[0]) {
      const ahead = head.start - this.#next;
      if (ahead > this.#patienceSamples(head) && this.#held.length <= allowed) return;
      this.#held.shift();
      if (ahead > this.#toleranceSamples) this.#fill(spans, ahead);
      this.#emit(spans, head);
    }
  }

  /**
   * How far ahead of its place a packet may be and still be emitted without waiting for one before it. Half a packet,
   * because a whole missing one may yet come; and at least the millisecond that timestamps are rounded to.
   */
  #patienceSamples({ mulaw }: Placed): number {
    const before = this.#emitted.at(-1)?.mulaw.length ?? mulaw.length;
    const half = Math.floor(Math.min(mulaw.length, before) / 2);
    return Math.max(PHONE_SAMPLES_PER_MS, Math.min(this.#toleranceSamples, half));
  }

  /** Emits a packet at the next position, less what overlaps with the audio before it. */
  #emit(spans: Span[], placed: Placed): void {
    const overlap = this.#next - placed.start;
    const isBehind = placed.start < (this.#emitted.at(-1)?.start ?? 0);
    const trimmed = isBehind || overlap > this.#toleranceSamples ? Math.max(0, overlap) : 0;
    if (trimmed >= placed.mulaw.length) {
      this.#counters.add("packets.late");
      return;
    }
    if (trimmed > 0) this.#counters.add("samples.trimmed", trimmed);
    this.#append(spans, placed.mulaw.subarray(trimmed), true);
    this.#emitted.push(placed);
    if (this.#emitted.length > REMEMBERED_PACKETS) this.#emitted.shift();
  }

  #fill(spans: Span[], samples: number): void {
    this.#counters.add("samples.missing", samples);
    for (let left = samples; left > 0; left -= SILENCE_PIECE_SAMPLES) {
      this.#append(spans, this.#silence.subarray(0, Math.min(left, SILENCE_PIECE_SAMPLES)), false);
    }
  }

  #append(spans: Span[], mulaw: Uint8Array, received: boolean): void {
    spans.push({ startMs: this.nextMs, mulaw, received });
    this.#next += mulaw.length;
  }
}
