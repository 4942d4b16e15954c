/**
 * What a link tells the page, made of what the server tells the link (docs/raw-pcm.md).
 *
 * @typedef {"connecting" | "live" | "lost" | "ended" | "failed"} LinkState
 * @typedef {{ text: string, startMs: number, endMs: number, confidence: number }} Word
 * @typedef {{ type: "state", state: LinkState, code?: string | undefined }} StateEvent
 * @typedef {{ type: "partial", text: string, startMs: number, endMs: number, delayMs: number }} PartialEvent
 * @typedef {{ type: "final", text: string, startMs: number, endMs: number, delayMs: number, language: string,
 *   confidence: number, words: Word[] }} FinalEvent
 * @typedef {{ type: "gap", startMs: number, endMs: number, cause: string }} GapEvent
 * @typedef {StateEvent | PartialEvent | FinalEvent | GapEvent} LinkEvent
 */

/**
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

/** @typedef {{ start_ms: number, end_ms: number }} SentTimes */
/** @typedef {Pick<import("./link-audio.js").LinkAudio, "pageMs" | "agoMs">} Clock */

/**
 * @param {SentTimes & { text: string }} message
 * @param {Clock} clock
 * @param {number} now
 * @returns {PartialEvent}
 */
export function partialOf(message, clock, now) {
  const times = timesOf(message, clock);
  return { type: "partial", text: message.text, ...times, delayMs: clock.agoMs(times.endMs, now) };
}

/**
 * @param {SentTimes & { text: string, language: string, confidence: number,
 *   words: (SentTimes & { word: string, confidence: number })[] }} message
 * @param {Clock} clock
 * @param {number} now
 * @returns {FinalEvent} Its delay counts from the end of the last word.
 */
export function finalOf(message, clock, now) {
  const { text, language, confidence } = message;
  const words = message.words.map((word) => ({
    text: word.word,
    ...timesOf(word, clock),
    confidence: word.confidence,
  }));
  const times = timesOf(message, clock);
  const delayMs = clock.agoMs(words.at(-1)?.endMs ?? times.endMs, now);
  return { type: "final", text, ...times, delayMs, language, confidence, words };
}

/**
 * @param {SentTimes & { cause: string }} message
 * @param {Clock} clock
 * @returns {GapEvent}
 */
export function gapOf(message, clock) {
  return { type: "gap", ...timesOf(message, clock), cause: message.cause };
}

/**
 * @param {SentTimes} message
 * @param {Clock} clock
 */
function timesOf({ start_ms, end_ms }, clock) {
  return { startMs: clock.pageMs(start_ms), endMs: clock.pageMs(end_ms) };
}
