/**
 * The audio of a live socket on its way into its session, which is opened when it is known what the audio is.
 */
import type { Session } from "../session/session.ts";
import type { RawFormat } from "./options.ts";
import { WavHead } from "./wav-head.ts";

export class LiveAudio {
  readonly #open: (format: RawFormat) => Session;
  readonly #head: WavHead | null;
  #session: Session | null = null;
  /** Bytes of samples that may still come. */
  #leftBytes = Number.POSITIVE_INFINITY;

  /**
   * @param format - Null: the audio is a WAV file that says it.
   * @param open - Throws what `Sessions.open` throws, and so does `push`.
   */
  constructor(format: RawFormat | null, open: (format: RawFormat) => Session) {
    this.#open = open;
    this.#head = format === null ? new WavHead() : null;
    if (format !== null) this.#session = open(format);
  }

  /** Null while it is not known what the audio is. */
  get session(): Session | null {
    return this.#session;
  }

  get lagMs(): number {
    return this.#session?.lagMs ?? 0;
  }

  get receivedMs(): number {
    return this.#session?.receivedMs ?? 0;
  }

  get restBytes(): number {
    return this.#session?.restBytes ?? 0;
  }

  /** Takes the next bytes; what follows the samples of a WAV file is no sound. */
  push(bytes: Uint8Array): void {
    if (this.#session === null) this.#begin(bytes);
    else this.#samples(bytes);
  }

  #begin(bytes: Uint8Array): void {
    const body = this.#head?.push(bytes) ?? null;
    if (body === null) return;
    this.#leftBytes = body.dataBytes;
    this.#session = this.#open(body.format);
    this.#samples(body.first);
  }

  #samples(bytes: Uint8Array): void {
    const samples = bytes.subarray(0, Math.min(bytes.length, this.#leftBytes));
    this.#leftBytes -= samples.length;
    if (samples.length > 0) this.#session?.push(samples);
  }
}
