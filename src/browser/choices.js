/**
 * What somebody chose last time, as far as the browser keeps it.
 *
 * @param {string} name
 * @returns {string | null}
 */
export function recall(name) {
  try {
    return localStorage.getItem(`linescribe.${name}`);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(`linescribe.${name}`, value);
  } catch {
    // Private windows and full disks: then it is chosen again next time.
  }
}
