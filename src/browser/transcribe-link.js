/**
 * The way to `/ws/transcribe` and back, through lost connections: every sample is sent once, every line told once.
 *
 * | state        | means                                                                            |
 * |--------------|----------------------------------------------------------------------------------|
 * | `connecting` | no session yet                                                                   |
 * | `live`       | audio is sent as it comes                                                        |
 * | `lost`       | the connection is gone; audio is kept, and it is tried again until it works      |
 * | `ended`      | everything was sent, and every line of it told                                   |
 * | `failed`     | trying again would not help; `code` says why                                     |
 *
 * A session of the server that is gone (restart, longest duration, a long sleep) is followed by a new one, which begins
 * where the last line ended: what the old one had heard without a line is sent again, if it is still kept.
 */
import { KeptAudio } from "./kept-audio.js";

/** Half a minute without a connection, what was on its way, and what it takes to notice, ms. */
const KEPT_MS = 45_000;
/** Bytes that may wait in the browser's own buffer, and audio of one message, ms. */
const WAITING_BYTES = 256 * 1024;
const MESSAGE_MS = 500;
/** Without a word of the server, though it has audio to acknowledge, or without a connection, ms. */
const SILENCE_MS = 10_000;
const RETRY_MS = [250, 500, 1000, 2000, 4000, 5000];
/** How long the rest may take to be sent after the end, ms. */
const FINISH_MS = 60_000;
/** Neither 1000, 1001 nor none, which would say that we do not come back. */
const CLOSE_COMING_BACK = 4000;
/** Close codes after which the same would happen again: wrong messages, no access, another window has the session. */
const HOPELESS = [1003, 1007, 1009, 4001, 4003, 4009];

/**
 * @typedef {{ word: string, start_ms: number, end_ms: number, confidence: number }} SentWord
 * @typedef {"connecting" | "live" | "lost" | "ended" | "failed"} LinkState
 * @typedef {{ type: "state", state: LinkState, code?: string | undefined }
 *   | { type: "partial", text: string, stable: number, startMs: number, endMs: number, delayMs: number }
 *   | { type: "final", text: string, startMs: number, endMs: number, delayMs: number, language: string,
 *       confidence: number, words: { text: string, startMs: number, endMs: number, confidence: number }[] }
 *   | { type: "gap", startMs: number, endMs: number, cause: string }} LinkEvent
 * @typedef {{ code: string | null, hopeless: boolean } | null} ServerWord What the server says of a refused socket: null
 *   when it cannot be reached, no code when all is well.
 * @typedef {object} LinkOptions
 * @property {number} rateHz Of the audio; one that the server takes.
 * @property {string} language
 * @property {(event: LinkEvent) => void} onEvent
 * @property {(query: string) => WebSocket} open Opens a socket.
 * @property {() => Promise<ServerWord>} ask
 * @property {() => number} now Monotonic ms.
 */

export class TranscribeLink {
  #options;
  #kept;
  /** @type {WebSocket | null} */
  #socket = null;
  /** Whether the socket's session is known: audio may be sent. */
  #greeted = false;
  /** @type {string | null} */
  #token = null;
  /** The last event of the session that was told. */
  #sequence = 0;
  #ended = false;
  /** @type {string | undefined} */
  #code;
  // Positions: where the session began, what the server took, what was handed to the socket, what has its line.
  #origin = 0;
  #taken = 0;
  #sent = 0;
  #settled = 0;
  #addedAt = 0;
  #heardAt = 0;
  #tries = 0;
  #deadResumes = 0;
  /** @type {number | null} */
  #retryAt = null;
  /** @type {number | null} */
  #finishBy = null;
  #finishSent = false;
  /** @type {LinkState} */
  #state = "connecting";

  /** @param {LinkOptions} options */
  constructor(options) {
    this.#options = options;
    this.#kept = new KeptAudio(this.#samplesOf(KEPT_MS));
    this.#connect();
  }

  get state() {
    return this.#state;
  }

  /** Whether nothing more will be told. */
  get over() {
    return this.#state === "ended" || this.#state === "failed";
  }

  /** Audio that was added, ms. */
  get durationMs() {
    return this.#msOf(this.#kept.end);
  }

  /** Audio that the server has not taken yet, ms. */
  get behindMs() {
    return this.#msOf(this.#kept.end - this.#taken);
  }

  /** @param {Int16Array} samples */
  add(samples) {
    this.#kept.add(samples);
    this.#addedAt = this.#options.now();
    this.tick();
  }

  /** No more audio comes: sends what is left; `ended` follows when its last line was told. */
  finish() {
    this.#finishBy ??= this.#options.now() + FINISH_MS;
    this.tick();
  }

  /** Does what is due; to be called a few times a second, also when no audio comes. */
  tick() {
    if (this.over) return;
    const now = this.#options.now();
    if (this.#finishBy !== null && now >= this.#finishBy) return this.#over("failed", "PAGE_NOT_SENT");
    if (this.#retryAt !== null && now >= this.#retryAt) this.#connect();
    const waits = !this.#greeted || this.#sent > this.#taken || this.#finishSent;
    if (this.#socket && waits && now - this.#heardAt >= SILENCE_MS) this.#lose();
    this.#pump();
  }

  /** The network is back, or the machine woke up: tries at once. */
  hurry() {
    if (this.#retryAt === null) return;
    this.#retryAt = this.#options.now();
    this.tick();
  }

  /** Leaves without the rest. */
  abandon() {
    if (!this.over) this.#over("failed", "PAGE_NOT_SENT");
  }

  #connect() {
    const { rateHz, language, open, now } = this.#options;
    this.#retryAt = null;
    this.#greeted = false;
    this.#ended = false;
    this.#code = undefined;
    this.#heardAt = now();
    /** @type {Record<string, string>} */
    const query = this.#token
      ? { resume: this.#token, after: String(this.#sequence) }
      : { sample_rate: String(rateHz), encoding: "s16", language };
    const socket = open(new URLSearchParams(query).toString());
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heardAt = now();
      this.#told(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (socket === this.#socket) void this.#closed(code, reason);
    };
  }

  /** @param {any} message - Of the server, docs/raw-pcm.md. */
  #told(message) {
    switch (message.type) {
      case "session":
        return this.#greet(message);
      case "ack":
        this.#taken = this.#origin + message.samples;
        return this.#pump();
      case "partial":
        return this.#partial(message);
      case "final":
      case "gap":
      case "end":
        if (message.sequence <= this.#sequence) return;
        this.#sequence = message.sequence;
        if (message.type === "final") this.#final(message);
        else if (message.type === "gap") this.#gap(message);
        else this.#ended = true;
        return;
      case "error":
        this.#code = message.code;
    }
  }

  /** @param {{ resume_token: string, resumed: boolean, samples: number }} session */
  #greet({ resume_token, resumed, samples }) {
    if (!resumed) {
      // What neither a line nor the server has, and is not kept any more, is lost.
      this.#origin = Math.max(this.#settled, this.#kept.start);
      this.#missing(Math.max(this.#settled, this.#taken), this.#origin);
      this.#sequence = 0;
    }
    this.#token = resume_token;
    this.#taken = this.#origin + samples;
    this.#sent = this.#taken;
    this.#finishSent = false;
    this.#greeted = true;
    this.#tries = 0;
    this.#deadResumes = 0;
    this.#become("live");
    this.#pump();
  }

  #pump() {
    const socket = this.#socket;
    if (!socket || !this.#greeted || this.#ended || socket.readyState !== 1) return;
    while (this.#sent < this.#kept.end && socket.bufferedAmount < WAITING_BYTES) {
      const { samples, dropped } = this.#kept.read(this.#sent, this.#samplesOf(MESSAGE_MS));
      this.#missing(this.#sent, this.#sent + dropped);
      socket.send(/** @type {Int16Array<ArrayBuffer>} */ (samples));
      this.#sent += samples.length;
    }
    if (this.#finishBy === null || this.#finishSent || this.#sent < this.#kept.end) return;
    socket.send('{"type":"finish"}');
    this.#finishSent = true;
  }

  /** @param {{ text: string, stable: number, start_ms: number, end_ms: number }} message */
  #partial({ text, stable, start_ms, end_ms }) {
    const [startMs, endMs] = [this.#pageMs(start_ms), this.#pageMs(end_ms)];
    // One of an utterance that has its line.
    if (this.#samplesOf(endMs) <= this.#settled) return;
    this.#options.onEvent({ type: "partial", text, stable, startMs, endMs, delayMs: this.#delayMs(endMs) });
  }

  /**
   * @param {{ text: string, start_ms: number, end_ms: number, language: string, confidence: number,
   *   words: SentWord[] }} message
   */
  #final({ text, start_ms, end_ms, language, confidence, words: sent }) {
    const [startMs, endMs] = [this.#pageMs(start_ms), this.#pageMs(end_ms)];
    const words = sent.map(({ word, start_ms, end_ms, confidence }) => ({
      text: word,
      startMs: this.#pageMs(start_ms),
      endMs: this.#pageMs(end_ms),
      confidence,
    }));
    this.#settled = Math.max(this.#settled, this.#samplesOf(endMs));
    const delayMs = this.#delayMs(words.at(-1)?.endMs ?? endMs);
    this.#options.onEvent({ type: "final", text, startMs, endMs, delayMs, language, confidence, words });
  }

  /** @param {{ start_ms: number, end_ms: number, cause: string }} message */
  #gap({ start_ms, end_ms, cause }) {
    const [startMs, endMs] = [this.#pageMs(start_ms), this.#pageMs(end_ms)];
    this.#settled = Math.max(this.#settled, this.#samplesOf(endMs));
    this.#options.onEvent({ type: "gap", startMs, endMs, cause });
  }

  /**
   * Audio that is not kept any more and that nobody heard.
   *
   * @param {number} from
   * @param {number} to
   */
  #missing(from, to) {
    if (to <= from) return;
    this.#options.onEvent({
      type: "gap",
      startMs: this.#msOf(from),
      endMs: this.#msOf(to),
      cause: "offline",
    });
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  async #closed(code, reason) {
    const greeted = this.#greeted;
    this.#socket = null;
    this.#greeted = false;
    this.#code ??= reason || undefined;
    if (HOPELESS.includes(code)) return this.#over("failed", this.#code);
    if (this.#ended) {
      // Everything that the server took has its line now.
      this.#token = null;
      this.#settled = Math.max(this.#settled, this.#taken);
      if (this.#finishBy !== null && this.#settled >= this.#kept.end) return this.#over("ended");
    }
    this.#become("lost");
    if (!greeted && !(await this.#mayTry())) return;
    this.#schedule();
  }

  /** A socket was not opened, and the browser does not say why: the server does. */
  async #mayTry() {
    const word = await this.#options.ask();
    if (this.over || this.#socket) return false;
    if (word?.hopeless) {
      this.#over("failed", word.code ?? undefined);
      return false;
    }
    // Once may be chance: the server came back in between.
    if (word?.code === null && this.#token !== null) this.#deadResumes += 1;
    if (this.#deadResumes >= 2) this.#token = null;
    return true;
  }

  /** Nothing was heard for too long: the connection is as good as gone. */
  #lose() {
    const socket = this.#socket;
    this.#socket = null;
    this.#greeted = false;
    socket?.close(CLOSE_COMING_BACK);
    this.#become("lost");
    this.#schedule();
  }

  #schedule() {
    const delayMs = RETRY_MS[Math.min(this.#tries, RETRY_MS.length - 1)] ?? 0;
    this.#tries += 1;
    // Not all at once, when a server with many pages comes back.
    this.#retryAt = this.#options.now() + delayMs * (0.8 + 0.4 * Math.random());
  }

  /**
   * @param {"ended" | "failed"} state
   * @param {string} [code]
   */
  #over(state, code) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#become(state, code);
  }

  /**
   * @param {LinkState} state
   * @param {string} [code]
   */
  #become(state, code) {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onEvent({ type: "state", state, code });
  }

  /**
   * How long ago something was said: the newest sample came when it was added, and the others before it.
   *
   * @param {number} ms
   */
  #delayMs(ms) {
    return this.#options.now() - this.#addedAt + Math.max(0, this.durationMs - ms);
  }

  /** @param {number} ms - Of the session. */
  #pageMs(ms) {
    return this.#msOf(this.#origin) + ms;
  }

  /** @param {number} samples */
  #msOf(samples) {
    return (samples * 1000) / this.#options.rateHz;
  }

  /** @param {number} ms */
  #samplesOf(ms) {
    return Math.round((ms * this.#options.rateHz) / 1000);
  }
}
