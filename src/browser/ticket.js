/**
 * What takes a link back to its session: the token, and the last event that it was told.
 */

/** A token counts as dead when the server is there and does not take it; once may be chance, for it has just come back. */
const CHANCES = 2;

export class Ticket {
  /** @type {string | null} */
  #token = null;
  #sequence = 0;
  #refused = 0;

  /**
   * What the address of the next socket says.
   *
   * @param {Record<string, string>} fresh - Options of a session that does not exist yet.
   */
  query(fresh) {
    return this.#token === null ? fresh : { resume: this.#token, after: String(this.#sequence) };
  }

  /** @param {{ resume_token: string, resumed: boolean }} session */
  accept({ resume_token, resumed }) {
    if (!resumed) this.#sequence = 0;
    this.#token = resume_token;
    this.#refused = 0;
  }

  /**
   * Whether an event is new; it is not a second time.
   *
   * @param {number} sequence
   */
  isNew(sequence) {
    if (sequence <= this.#sequence) return false;
    this.#sequence = sequence;
    return true;
  }

  /** The server is there, and did not take the token. */
  refused() {
    this.#refused += 1;
    if (this.#refused >= CHANCES) this.drop();
  }

  /** The session is over. */
  drop() {
    this.#token = null;
    this.#refused = 0;
  }
}
