/**
 * Asks the server why a socket was not opened: browsers keep the answer to an upgrade to themselves.
 */

/** Longer than a slow network takes, ms. */
const PATIENCE_MS = 5000;
/** Refusals that pass by themselves. */
const PASSING = [429, 503];

/** @returns {Promise<import("./link-events.js").ServerWord>} */
export async function askServer() {
  try {
    const response = await fetch("/login/state", {
      signal: AbortSignal.timeout(PATIENCE_MS),
      cache: "no-store",
    });
    const { code } = await response.json();
    return { code, hopeless: !response.ok && !PASSING.includes(response.status) && response.status < 500 };
  } catch {
    return null;
  }
}
