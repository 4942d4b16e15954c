/**
 * The call's own clock: recorded milliseconds at a chosen speed.
 */
import { setImmediate } from "node:timers/promises";

/** At `max`, messages sent before the event loop gets a turn to read what the server says. */
const STEPS_PER_BREATH = 50;

export type Speed = number | "max";

export class CallClock {
  readonly #speed: Speed;
  readonly #signal: AbortSignal | undefined;
  readonly #now: () => number;
  /** Wall clock at recorded time 0; known with the first stream. */
  #zeroAt: number | undefined;
  #reachedMs = 0;
  #steps = 0;

  /** @param speed - Recorded ms per wall-clock ms, above 0, or `max` for no waiting at all. */
  constructor(speed: Speed, signal?: AbortSignal, now: () => number = () => performance.now()) {
    if (speed !== "max" && !(speed > 0 && Number.isFinite(speed))) {
      throw new RangeError(`Expected the speed to be "max" or a number above 0, got ${speed}`);
    }
    this.#speed = speed;
    this.#signal = signal;
    this.#now = now;
  }

  get hasBegun(): boolean {
    return this.#zeroAt !== undefined;
  }

  /** Recorded time now. At `max` it is what was asked to wait for last: nothing passes by itself. */
  get positionMs(): number {
    if (this.#speed === "max" || this.#zeroAt === undefined) return this.#reachedMs;
    return (this.#now() - this.#zeroAt) * this.#speed;
  }

  /** Lets recorded time begin at `ms`; later calls change nothing. */
  begin(ms: number): void {
    if (this.#zeroAt !== undefined) return;
    this.#reachedMs = ms;
    this.#zeroAt = this.#now() - (this.#speed === "max" ? 0 : ms / this.#speed);
  }

  /** Waits until recorded time `ms`, or until the call is aborted. At `max` it only lets sockets breathe at times. */
  async until(ms: number): Promise<void> {
    if (this.#speed === "max") {
      this.#steps += 1;
      if (this.#steps % STEPS_PER_BREATH === 0) await setImmediate();
    } else if (this.#zeroAt !== undefined) {
      const waitMs = this.#zeroAt + ms / this.#speed - this.#now();
      if (waitMs >= 1) await pause(waitMs, this.#signal);
    }
    this.#reachedMs = Math.max(this.#reachedMs, ms);
  }

  /** Waits for `ms` that are not part of the recording. */
  async pass(ms: number): Promise<void> {
    if (this.#speed !== "max") await pause(ms / this.#speed, this.#signal);
  }
}

/** Waits, and stops waiting when aborted; does not throw. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
