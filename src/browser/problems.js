/**
 * What went wrong, and what to do about it, in words.
 */

/** @typedef {{ title: string, advice: string }} Problem */

/** @type {Record<string, Problem>} */
const PROBLEMS = {
  insecure: {
    title: "Browsers give microphones to secure pages only",
    advice:
      "This page came without TLS from another machine. Open it by an https address, or on the machine of the server itself as http://localhost.",
  },
  unsupported: {
    title: "This browser cannot record sound for a page",
    advice: "Use a current version of Chrome, Edge, Firefox or Safari.",
  },
  denied: {
    title: "This page may not use the microphone",
    advice:
      "Allow it in the settings that your browser shows beside the address, and in those of your system, then start again.",
  },
  missing: {
    title: "No microphone was found",
    advice: "Connect one, or switch it on, then start again.",
  },
  busy: {
    title: "The microphone cannot be opened",
    advice: "Another program may have it. Close that, or choose another microphone, then start again.",
  },
  rate: {
    title: "This microphone does not fit the sound of this browser",
    advice: "Stop and start again; if that does not help, choose another microphone.",
  },
  failed: {
    title: "The microphone failed",
    advice: "Start again; if that does not help, load the page again.",
  },
  lost: {
    title: "The microphone is gone",
    advice: "What was said until then is below. Connect it, or choose another, then start again.",
  },
  paused: {
    title: "Your system has taken the microphone away",
    advice: "A call or another program may have it. Nothing is heard until you go on.",
  },
  silent: {
    title: "Nothing is heard",
    advice: "Is the microphone muted, or is it another one that you speak into?",
  },
  PAGE_NOT_SENT: {
    title: "The end was not transcribed",
    advice: "The server could not be reached in time. What has arrived is below.",
  },
  ACCESS_LOGIN_EXPIRED: {
    title: "Your login has ended",
    advice: "Log in again in another window, then start again here. What was said so far stays below.",
  },
  SESSION_TAKEN_OVER: { title: "Another window has taken over", advice: "Start again to go on here." },
};

/** @type {Problem} */
const OTHERWISE = {
  title: "The server ended the session",
  advice: "What was said so far is below. Start again to go on.",
};

/**
 * @param {string | undefined} code
 * @returns {Problem}
 */
export function problemOf(code) {
  if (code?.startsWith("ACCESS_KEY_")) return /** @type {Problem} */ (PROBLEMS.ACCESS_LOGIN_EXPIRED);
  return PROBLEMS[code ?? ""] ?? OTHERWISE;
}
