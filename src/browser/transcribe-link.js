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
import { Backoff } from "./backoff.js";
import { LinkAudio } from "./link-audio.js";
import { finalOf, gapOf, partialOf } from "./link-events.js";
import { Ticket } from "./ticket.js";

/** Bytes that may wait in the browser's own buffer, and audio of one message, ms. */
const WAITING_BYTES = 256 * 1024;
const MESSAGE_MS = 500;
/** Without a word of the server, though it has audio to acknowledge, or without a connection, ms. */
const SILENCE_MS = 10_000;
/** Without sound, while the system has taken the microphone, the server is told that we are here; it waits for 60 s. */
const KEEPALIVE_MS = 20_000;
/** How long the rest may take to be sent after the end, ms. */
const FINISH_MS = 60_000;
/** Neither 1000, 1001 nor none, which would say that we do not come back. */
const CLOSE_COMING_BACK = 4000;
/** Close codes after which the same would happen again: wrong messages, no access, another window has the session. */
const HOPELESS = [1003, 1007, 1009, 4001, 4003, 4009];

/**
 * @typedef {import("./link-events.js").LinkEvent} LinkEvent
 * @typedef {import("./link-events.js").LinkState} LinkState
 * @typedef {import("./link-events.js").LinkOptions} LinkOptions
 */

export class TranscribeLink {
  #options;
  #audio;
  /** @type {WebSocket | null} */
  #socket = null;
  /** Whether the socket's session is known: audio may be sent. */
  #greeted = false;
  #ticket = new Ticket();
  #backoff = new Backoff();
  #ended = false;
  /** @type {string | undefined} */
  #code;
  #heardAt = 0;
  #saidAt = 0;
  /** @type {number | null} */
  #finishBy = null;
  #finishSent = false;
  /** @type {LinkState} */
  #state = "connecting";

  /** @param {LinkOptions} options */
  constructor(options) {
    this.#options = options;
    this.#audio = new LinkAudio(options.rateHz);
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
    return this.#audio.durationMs;
  }

  /** Audio that the server has not taken yet, ms. */
  get behindMs() {
    return this.#audio.behindMs;
  }

  /** @param {Int16Array} samples */
  add(samples) {
    this.#audio.add(samples, this.#options.now());
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
    if (this.#backoff.isDue(now)) this.#connect();
    const waits = !this.#greeted || this.#audio.underWay || this.#finishSent;
    if (this.#socket && waits && now - this.#heardAt >= SILENCE_MS) this.#lose();
    this.#pump();
  }

  /** The network is back, or the machine woke up: tries at once. */
  hurry() {
    this.#backoff.hurry();
    this.tick();
  }

  /** Leaves without the rest. */
  abandon() {
    if (!this.over) this.#over("failed", "PAGE_NOT_SENT");
  }

  #connect() {
    const { rateHz, language, open, now } = this.#options;
    this.#backoff.clear();
    this.#greeted = false;
    this.#ended = false;
    this.#code = undefined;
    this.#heardAt = now();
    const fresh = { sample_rate: String(rateHz), encoding: "s16", language };
    const socket = open(new URLSearchParams(this.#ticket.query(fresh)).toString());
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
        this.#backoff.reset();
        this.#audio.acknowledge(message.samples);
        return this.#pump();
      case "partial":
        return this.#partial(partialOf(message, this.#audio, this.#options.now()));
      case "final":
      case "gap":
      case "end":
        if (!this.#ticket.isNew(message.sequence)) return;
        if (message.type === "end") this.#ended = true;
        else this.#line(message);
        return;
      case "error":
        this.#code = message.code;
    }
  }

  /** @param {{ resume_token: string, resumed: boolean, samples: number }} session */
  #greet(session) {
    if (!session.resumed) this.#missing(this.#audio.begin());
    this.#ticket.accept(session);
    this.#audio.goOn(session.samples);
    this.#saidAt = this.#options.now();
    this.#finishSent = false;
    this.#greeted = true;
    this.#become("live");
    this.#pump();
  }

  #pump() {
    const socket = this.#socket;
    if (!socket || !this.#greeted || this.#ended || socket.readyState !== 1) return;
    // From now on an answer is due.
    if (!this.#audio.allSent && !this.#audio.underWay) this.#heardAt = this.#options.now();
    while (!this.#audio.allSent && socket.bufferedAmount < WAITING_BYTES) {
      const { samples, missing } = this.#audio.next(MESSAGE_MS);
      this.#missing(missing);
      this.#say(socket, /** @type {Int16Array<ArrayBuffer>} */ (samples));
    }
    if (!this.#audio.allSent || this.#finishSent) return;
    if (this.#finishBy !== null) this.#finishSent = true;
    if (this.#finishSent) this.#say(socket, '{"type":"finish"}');
    else if (this.#options.now() - this.#saidAt >= KEEPALIVE_MS) this.#say(socket, '{"type":"keepalive"}');
  }

  /**
   * @param {WebSocket} socket
   * @param {string | Int16Array<ArrayBuffer>} message
   */
  #say(socket, message) {
    socket.send(message);
    this.#saidAt = this.#options.now();
  }

  /** @param {import("./link-events.js").PartialEvent} event */
  #partial(event) {
    // One of an utterance that has its line is late.
    if (!this.#audio.isSettled(event.endMs)) this.#options.onEvent(event);
  }

  /** @param {any} message - A final or a gap. */
  #line(message) {
    const event =
      message.type === "final"
        ? finalOf(message, this.#audio, this.#options.now())
        : gapOf(message, this.#audio);
    this.#audio.settle(event.endMs);
    this.#options.onEvent(event);
  }

  /** @param {import("./link-audio.js").Period | null} period - Audio that is not kept any more and that nobody heard. */
  #missing(period) {
    if (period !== null) this.#options.onEvent({ type: "gap", ...period, cause: "offline" });
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
      this.#ticket.drop();
      this.#audio.settleTaken();
      if (this.#finishBy !== null && this.#audio.allSettled) return this.#over("ended");
    }
    this.#become("lost");
    if (!greeted && !(await this.#mayTry())) return;
    this.#backoff.schedule(this.#options.now());
  }

  /** A socket was not opened, and the browser does not say why: the server does. */
  async #mayTry() {
    const word = await this.#options.ask();
    if (this.over || this.#socket) return false;
    if (word?.hopeless) {
      this.#over("failed", word.code ?? undefined);
      return false;
    }
    if (word?.code === null) this.#ticket.refused();
    return true;
  }

  /** Nothing was heard for too long: the connection is as good as gone. */
  #lose() {
    const socket = this.#socket;
    this.#socket = null;
    this.#greeted = false;
    socket?.close(CLOSE_COMING_BACK);
    this.#become("lost");
    this.#backoff.schedule(this.#options.now());
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
}
