/**
 * One time of listening, from Start to the last line after Stop: a microphone, a link, and the clock that both go by.
 */
import { Microphone, MicrophoneError } from "./microphone.js";
import { askServer } from "./server-word.js";
import { TranscribeLink } from "./transcribe-link.js";

/**
 * @typedef {import("./link-events.js").LinkEvent} LinkEvent
 * @typedef {object} ListeningOptions
 * @property {string} deviceId
 * @property {string} language
 * @property {import("./microphone.js").Processing} processing
 * @property {(event: LinkEvent) => void} onEvent
 * @property {(peak: number) => void} onPeak
 * @property {(running: boolean) => void} onRunning
 * @property {() => void} onLost The microphone is gone, and there is no other.
 */

/** Also while no audio comes: the end is being sent, or the system has taken the microphone. */
const TICK_MS = 100;

export class Listening {
  #options;
  /** @type {Microphone | null} */
  #microphone = null;
  /** @type {TranscribeLink | null} */
  #link = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  /** @type {WakeLockSentinel | null} */
  #awake = null;
  #onOnline = () => this.#link?.hurry();

  /** @param {ListeningOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Audio so far, ms. */
  get durationMs() {
    return this.#link?.durationMs ?? 0;
  }

  get behindMs() {
    return this.#link?.behindMs ?? 0;
  }

  /** @throws {MicrophoneError} */
  async start() {
    const { deviceId, processing, language, onEvent, onPeak, onRunning } = this.#options;
    const microphone = await Microphone.open({
      deviceId,
      processing,
      onAudio: (samples, peak) => {
        this.#link?.add(samples);
        onPeak(peak);
      },
      onLost: () => void this.#another(),
      onRunning,
    });
    this.#microphone = microphone;
    this.#link = new TranscribeLink({
      rateHz: microphone.rateHz,
      language,
      onEvent: (event) => {
        if (event.type === "state" && this.#isOver(event.state)) this.#release();
        onEvent(event);
      },
      open: (query) => new WebSocket(`${location.origin.replace("http", "ws")}/ws/transcribe?${query}`),
      ask: askServer,
      now: () => performance.now(),
    });
    this.#ticking = setInterval(() => this.#link?.tick(), TICK_MS);
    addEventListener("online", this.#onOnline);
    await this.#stayAwake();
  }

  /** Ends the sound; the state `ended` follows when the last line was told. A second time: does not wait for it. */
  async stop() {
    const microphone = this.#microphone;
    this.#microphone = null;
    if (microphone === null) {
      this.#link?.abandon();
      return;
    }
    await microphone.stop();
    this.#link?.finish();
  }

  /** @param {string} deviceId */
  async switchTo(deviceId) {
    await this.#microphone?.switchTo(deviceId);
  }

  async resume() {
    await this.#microphone?.resume();
  }

  /** The device was unplugged: goes on with the system's choice, if there is one. */
  async #another() {
    try {
      await this.switchTo("");
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.#options.onLost();
    }
  }

  /** @param {string} state */
  #isOver(state) {
    return state === "ended" || state === "failed";
  }

  /** A phone that locks its screen stops the page. */
  async #stayAwake() {
    try {
      this.#awake = await navigator.wakeLock.request("screen");
    } catch {
      // Not every browser has it, and none gives it to a hidden page.
    }
  }

  #release() {
    clearInterval(this.#ticking);
    removeEventListener("online", this.#onOnline);
    void this.#awake?.release();
    void this.#microphone?.stop();
    this.#microphone = null;
  }
}
