/**
 * Collects what the microphone hears into blocks of 16-bit samples, on the thread that plays and records sound.
 */

/** Seldom enough to cost nothing, often enough that nobody sees a delay. */
const BLOCK_MS = 40;
/** Whisper's own scale: 1.0 is 32768. */
const FULL_SCALE = 32_768;

class Collector extends AudioWorkletProcessor {
  #block = new Int16Array(Math.round((sampleRate * BLOCK_MS) / 1000));
  #filled = 0;
  #peak = 0;
  #running = true;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data !== "stop") return;
      this.#send();
      this.port.postMessage("stopped");
      this.#running = false;
    };
  }

  /** @param {Float32Array[][]} inputs */
  process([input]) {
    const channels = input ?? [];
    const length = channels[0]?.length ?? 0;
    for (let index = 0; index < length; index++) this.#take(channels, index);
    return this.#running;
  }

  /**
   * @param {Float32Array[]} channels
   * @param {number} index
   */
  #take(channels, index) {
    let sum = 0;
    for (const channel of channels) sum += channel[index] ?? 0;
    const value = sum / channels.length;
    this.#peak = Math.max(this.#peak, Math.abs(value));
    this.#block[this.#filled] = Math.max(
      -FULL_SCALE,
      Math.min(FULL_SCALE - 1, Math.round(value * FULL_SCALE)),
    );
    this.#filled += 1;
    if (this.#filled === this.#block.length) this.#send();
  }

  #send() {
    if (this.#filled === 0) return;
    const samples = this.#block.slice(0, this.#filled);
    this.port.postMessage({ samples, peak: this.#peak }, [samples.buffer]);
    this.#filled = 0;
    this.#peak = 0;
  }
}

registerProcessor("collector", Collector);
