/**
 * The microphone: asked for, captured at the rate of the browser's own sound, handed out in blocks, given back.
 */

/** Rates that the server takes; a context of another rate is made anew at the last. */
const RATES_HZ = [8000, 16_000, 24_000, 44_100, 48_000];
const OTHER_RATE_HZ = 48_000;

/**
 * @typedef {"insecure" | "unsupported" | "denied" | "missing" | "busy" | "rate" | "failed"} MicrophoneProblem
 * @typedef {{ echoCancellation: boolean, noiseSuppression: boolean, autoGainControl: boolean }} Processing
 * @typedef {object} MicrophoneOptions
 * @property {string} deviceId Empty: the system's choice.
 * @property {Processing} processing
 * @property {(samples: Int16Array, peak: number) => void} onAudio The samples are the receiver's own; the peak is in 0 to 1.
 * @property {() => void} onLost The device is gone.
 * @property {(running: boolean) => void} onRunning The system took the sound away, or gave it back.
 */

export class MicrophoneError extends Error {
  /** @param {MicrophoneProblem} problem */
  constructor(problem) {
    super(problem);
    this.problem = problem;
  }
}

/**
 * What keeps this page from ever having a microphone, or null.
 *
 * @returns {MicrophoneProblem | null}
 */
export function microphoneObstacle() {
  if (!window.isSecureContext) return "insecure";
  return navigator.mediaDevices && window.AudioWorkletNode ? null : "unsupported";
}

/** Microphones; without names and ids until one was allowed. */
export async function listMicrophones() {
  if (microphoneObstacle() !== null) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "");
}

export class Microphone {
  #options;
  #context;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  /** @type {AudioWorkletNode | null} */
  #collector = null;
  /** @type {(() => void) | null} */
  #onStopped = null;

  /**
   * To be called while the browser handles a click or a key: only then sound may start.
   *
   * @param {MicrophoneOptions} options
   */
  static async open(options) {
    const obstacle = microphoneObstacle();
    if (obstacle !== null) throw new MicrophoneError(obstacle);
    const microphone = new Microphone(options);
    try {
      await microphone.#start();
    } catch (error) {
      microphone.#release();
      throw error instanceof MicrophoneError ? error : new MicrophoneError(problemOf(error));
    }
    return microphone;
  }

  /** @param {MicrophoneOptions} options */
  constructor(options) {
    this.#options = options;
    this.#context = contextOfKnownRate();
  }

  get rateHz() {
    return this.#context.sampleRate;
  }

  /** Asks the system to give the sound back. */
  async resume() {
    await this.#context.resume();
  }

  /**
   * Goes on with another device, at the same rate.
   *
   * @param {string} deviceId
   */
  async switchTo(deviceId) {
    this.#options = { ...this.#options, deviceId };
    try {
      await this.#attach();
    } catch (error) {
      throw new MicrophoneError(problemOf(error));
    }
  }

  /** Hands out what was captured so far, and gives everything back. */
  async stop() {
    const stopped = new Promise((resolve) => {
      this.#onStopped = () => resolve(undefined);
      // A thread that sleeps does not answer.
      setTimeout(resolve, 500);
    });
    this.#collector?.port.postMessage("stop");
    await stopped;
    this.#release();
  }

  async #start() {
    const context = this.#context;
    const resumed = context.resume();
    const loaded = context.audioWorklet.addModule("/assets/capture-worklet.js");
    // Whoever says no to the microphone closes the context: then neither matters any more.
    const ready = Promise.all([resumed, loaded]);
    ready.catch(() => {});
    this.#stream = await this.#ask();
    await ready;
    const collector = new AudioWorkletNode(context, "collector", { numberOfInputs: 1, numberOfOutputs: 1 });
    collector.port.onmessage = ({ data }) => {
      if (data === "stopped") this.#onStopped?.();
      else this.#options.onAudio(data.samples, data.peak);
    };
    this.#collector = collector;
    // Some browsers only run what leads to the speaker; nothing is to be heard there.
    const silence = new GainNode(context, { gain: 0 });
    collector.connect(silence).connect(context.destination);
    context.onstatechange = () => this.#options.onRunning(context.state === "running");
    this.#listen(this.#stream);
  }

  #ask() {
    const { deviceId, processing } = this.#options;
    // Wishes, not conditions: a device that is gone is replaced by another.
    const audio = { ...processing, channelCount: 1, ...(deviceId ? { deviceId } : {}) };
    return navigator.mediaDevices.getUserMedia({ audio });
  }

  async #attach() {
    const stream = await this.#ask();
    this.#letGo();
    this.#stream = stream;
    this.#listen(stream);
  }

  /** @param {MediaStream} stream */
  #listen(stream) {
    const source = this.#context.createMediaStreamSource(stream);
    source.connect(/** @type {AudioWorkletNode} */ (this.#collector));
    this.#source = source;
    for (const track of stream.getTracks()) track.onended = () => this.#options.onLost();
  }

  #letGo() {
    this.#source?.disconnect();
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
  }

  #release() {
    this.#letGo();
    this.#context.onstatechange = null;
    void this.#context.close();
  }
}

function contextOfKnownRate() {
  const native = new AudioContext();
  if (RATES_HZ.includes(native.sampleRate)) return native;
  void native.close();
  return new AudioContext({ sampleRate: OTHER_RATE_HZ });
}

/**
 * @param {unknown} error
 * @returns {MicrophoneProblem}
 */
function problemOf(error) {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    case "NotSupportedError":
      return "rate";
    default:
      return "failed";
  }
}
