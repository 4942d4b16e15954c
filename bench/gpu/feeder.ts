/**
 * Gives tracks their sound in real time, without sockets: each frame of 32 ms when all of it was said. One timer for all,
 * so that thousands of tracks cost little.
 */
import { VAD_FRAME_MS, VAD_FRAME_SAMPLES } from "../../src/vad/frame.ts";

interface FedTrack {
  /** 16 kHz mono. */
  pcm16k: Float32Array;
  push: (pcm16k: Float32Array) => void;
  /** Of `now`. */
  startedAtMs: number;
  next: number;
  done: () => void;
}

const TICK_MS = 8;

export class Feeder {
  readonly #tracks = new Set<FedTrack>();
  readonly #now: () => number;
  #timer: NodeJS.Timeout | null = null;

  /** @param now - Monotonic, ms. */
  constructor(now = (): number => performance.now()) {
    this.#now = now;
  }

  /**
   * Begins to feed a track now; resolves when it has all of its sound.
   *
   * @param pcm16k - Handed on in parts, without a copy.
   */
  feed(pcm16k: Float32Array, push: FedTrack["push"]): Promise<void> {
    this.#timer ??= setInterval(() => this.tick(), TICK_MS);
    return new Promise((done) => {
      this.#tracks.add({ pcm16k, push, startedAtMs: this.#now(), next: 0, done });
    });
  }

  /** Gives all tracks what was said since. */
  tick(): void {
    const now = this.#now();
    for (const track of this.#tracks) {
      const { pcm16k, push, startedAtMs, done } = track;
      const due = Math.floor((now - startedAtMs) / VAD_FRAME_MS) * VAD_FRAME_SAMPLES;
      for (; track.next < Math.min(due, pcm16k.length); track.next += VAD_FRAME_SAMPLES)
        push(pcm16k.subarray(track.next, track.next + VAD_FRAME_SAMPLES));
      if (track.next < pcm16k.length) continue;
      this.#tracks.delete(track);
      done();
    }
    if (this.#tracks.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
