/**
 * The page `/listen`: buttons and fields to listening, and what that tells to the page.
 */
import { recall, remember } from "./choices.js";
import { fillLanguages } from "./languages.js";
import { Listening } from "./listening.js";
import { Meter } from "./meter.js";
import { listMicrophones, MicrophoneError, microphoneObstacle } from "./microphone.js";
import { Notices } from "./notices.js";
import { saveFile } from "./save-file.js";
import { shortClock, Transcript } from "./transcript.js";
import { TranscriptView } from "./transcript-view.js";

/** @typedef {"off" | "starting" | "on" | "stopping"} Mode */
/** @typedef {import("./transcript.js").FileKind} FileKind */

/** Text that waits longer than this on its way is worth a word, ms. */
const BEHIND_MS = 3000;
const PROCESSING = /** @type {const} */ (["echoCancellation", "noiseSuppression", "autoGainControl"]);

/** @type {Record<string, { badge: string, tone: string }>} */
const STATES = {
  off: { badge: "Off", tone: "" },
  starting: { badge: "Starting", tone: "" },
  connecting: { badge: "Connecting", tone: "warn" },
  live: { badge: "Live", tone: "live" },
  lost: { badge: "Reconnecting", tone: "warn" },
  stopping: { badge: "Finishing", tone: "warn" },
};

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
const find = (id) => /** @type {T} */ (document.getElementById(id));

/** @param {string} selector */
const buttons = (selector) =>
  /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll(selector));

class ListenPage {
  /** @type {HTMLButtonElement} */
  #toggle = find("toggle");
  /** @type {HTMLSelectElement} */
  #device = find("device");
  /** @type {HTMLSelectElement} */
  #language = find("language");
  /** @type {HTMLInputElement[]} */
  #processing = PROCESSING.map((id) => find(id));
  /** What cannot change while somebody listens. */
  #fixed = [this.#language, ...this.#processing];
  #transcript = new Transcript();
  #view = new TranscriptView(find("scroll"), find("lines"), find("partial"));
  #notices = new Notices();
  #meter = new Meter(find("meter"), (silent) => this.#notices.hint(silent ? "silent" : null));
  /** @type {Listening | null} */
  #listening = null;
  /** @type {Mode} */
  #mode = "off";
  #linkState = "connecting";
  /** Where the present time of listening begins in the transcript, ms. */
  #offsetMs = 0;

  open() {
    fillLanguages(this.#language, recall("language"));
    this.#toggle.onclick = () => void this.#press();
    this.#device.onchange = () => void this.#chooseDevice();
    this.#language.onchange = () => remember("language", this.#language.value);
    find("go-on").onclick = () => void this.#listening?.resume();
    find("clear").onclick = () => this.#clear();
    for (const button of buttons("[data-file]")) button.onclick = () => this.#save(button);
    addEventListener("beforeunload", (event) => {
      if (this.#mode !== "off") event.preventDefault();
    });
    setInterval(() => this.#showState(), 500);
    const obstacle = microphoneObstacle();
    if (obstacle !== null) return this.#notices.show(obstacle);
    this.#toggle.disabled = false;
    navigator.mediaDevices.ondevicechange = () => void this.#listDevices();
    void this.#listDevices();
  }

  async #press() {
    if (this.#mode === "off") await this.#start();
    else if (this.#mode === "on") await this.#stop();
    else if (this.#mode === "stopping") await this.#listening?.stop();
  }

  async #start() {
    this.#become("starting");
    this.#notices.show(null);
    this.#offsetMs += this.#listening?.durationMs ?? 0;
    this.#linkState = "connecting";
    this.#meter.reset();
    const processing = /** @type {import("./microphone.js").Processing} */ (
      Object.fromEntries(this.#processing.map(({ id, checked }) => [id, checked]))
    );
    const listening = new Listening({
      deviceId: this.#device.value,
      language: this.#language.value,
      processing,
      onEvent: (event) => this.#told(event),
      onPeak: (peak) => this.#meter.show(peak),
      onRunning: (running) => this.#notices.hint(running ? null : "paused"),
      onLost: () => void this.#stop().then(() => this.#notices.show("lost")),
    });
    this.#listening = listening;
    try {
      await listening.start();
    } catch (error) {
      this.#listening = null;
      this.#become("off");
      if (!(error instanceof MicrophoneError)) throw error;
      this.#notices.show(error.problem);
      return;
    }
    this.#transcript.startedAt ??= Date.now();
    if (this.#mode === "starting") this.#become("on");
    await this.#listDevices();
  }

  async #stop() {
    this.#become("stopping");
    this.#notices.hint(null);
    await this.#listening?.stop();
    this.#meter.reset();
  }

  /** @param {import("./link-events.js").LinkEvent} event */
  #told(event) {
    switch (event.type) {
      case "partial":
        this.#view.showPartial(event.text, this.#offsetMs + event.startMs);
        break;
      case "final":
        this.#view.showPartial("");
        this.#addFinal(event);
        break;
      case "gap":
        this.#addLine({ kind: "gap", cause: event.cause, ...this.#times(event) });
        break;
      case "state":
        this.#linkState = event.state;
        if (event.state === "ended" || event.state === "failed") this.#over(event.state, event.code);
    }
    this.#showState();
  }

  /** @param {import("./link-events.js").FinalEvent} event */
  #addFinal({ type: _, ...final }) {
    const words = final.words.map((word) => ({ ...word, ...this.#times(word) }));
    this.#addLine({ kind: "final", ...final, ...this.#times(final), words });
    find("delay").textContent = `Delay ${(final.delayMs / 1000).toFixed(1)} s`;
  }

  /** @param {{ startMs: number, endMs: number }} times */
  #times({ startMs, endMs }) {
    // What was said before the transcript was cleared may become final after it.
    /** @param {number} ms */
    const shifted = (ms) => Math.max(0, Math.round(ms + this.#offsetMs));
    return { startMs: shifted(startMs), endMs: shifted(endMs) };
  }

  /** @param {import("./transcript.js").FinalLine | import("./transcript.js").GapLine} line */
  #addLine(line) {
    this.#transcript.add(line);
    this.#view.add(line);
    this.#showLines();
  }

  /**
   * @param {string} state
   * @param {string | undefined} code
   */
  #over(state, code) {
    this.#view.showPartial("");
    this.#meter.reset();
    this.#become("off");
    if (state === "failed") this.#notices.show(code ?? "");
  }

  #clear() {
    this.#transcript.clear();
    this.#view.clear();
    this.#offsetMs = -(this.#listening?.durationMs ?? 0);
    if (this.#mode !== "off") this.#transcript.startedAt = Date.now();
    find("delay").textContent = "";
    this.#showLines();
  }

  #showLines() {
    const some = this.#transcript.lines.length > 0;
    find("empty").hidden = some;
    for (const button of buttons("[data-file], #clear")) button.disabled = !some;
  }

  /** @param {Element} button */
  #save(button) {
    saveFile(this.#transcript.file(/** @type {FileKind} */ (button.getAttribute("data-file"))));
  }

  async #listDevices() {
    const chosen = this.#device.value || recall("device") || "";
    const options = (await listMicrophones()).map(
      ({ deviceId, label }, index) => new Option(label || `Microphone ${index + 1}`, deviceId),
    );
    this.#device.replaceChildren(new Option("Your system's choice", ""), ...options);
    this.#device.value = options.some(({ value }) => value === chosen) ? chosen : "";
  }

  async #chooseDevice() {
    remember("device", this.#device.value);
    if (this.#mode !== "on") return;
    try {
      await this.#listening?.switchTo(this.#device.value);
      this.#notices.show(null);
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.#notices.show(error.problem);
    }
  }

  /** @param {Mode} mode */
  #become(mode) {
    this.#mode = mode;
    this.#toggle.textContent = {
      off: "Start",
      starting: "Starting…",
      on: "Stop",
      stopping: "Leave the rest",
    }[mode];
    // Not `disabled`, which would take the focus away from whoever pressed it with a key.
    this.#toggle.setAttribute("aria-disabled", String(mode === "starting"));
    this.#toggle.classList.toggle("stop", mode === "on");
    for (const field of this.#fixed) field.disabled = mode !== "off";
    this.#showState();
  }

  #showState() {
    const linked = this.#mode === "on" || (this.#mode === "stopping" && this.#linkState === "lost");
    const { badge, tone } = STATES[linked ? this.#linkState : this.#mode] ?? { badge: "", tone: "" };
    const state = find("state");
    if (state.textContent !== badge) state.textContent = badge;
    state.className = `badge ${tone}`;
    const behindMs = this.#mode === "off" ? 0 : (this.#listening?.behindMs ?? 0);
    const seconds = Math.round(behindMs / 1000);
    const kept =
      this.#linkState === "lost" ? `${seconds} s kept until the server is back` : `${seconds} s behind`;
    const detail = behindMs > BEHIND_MS || this.#linkState === "lost" ? kept : "";
    const clock = this.#mode === "off" ? "" : shortClock(this.#offsetMs + (this.#listening?.durationMs ?? 0));
    find("detail").textContent = linked || detail ? detail : "";
    find("clock").textContent = clock;
  }
}

new ListenPage().open();
