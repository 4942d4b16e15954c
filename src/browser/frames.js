/**
 * Draws what changed once for each frame that the browser shows, however often it changed, and nothing that nobody sees.
 */

export class Frames {
  #draw;
  #request;
  /** @type {Set<string>} */
  #changed = new Set();
  /** Changed while out of sight. */
  /** @type {Set<string>} */
  #stale = new Set();
  /** @type {Set<string>} */
  #hidden = new Set();
  #asked = false;

  /**
   * @param {(keys: Set<string>) => void} draw - Everything that has to be drawn in this frame.
   * @param {(task: () => void) => void} request - As `requestAnimationFrame`.
   */
  constructor(draw, request) {
    this.#draw = draw;
    this.#request = request;
  }

  /** @param {string} key */
  mark(key) {
    if (this.#hidden.has(key)) {
      this.#stale.add(key);
      return;
    }
    this.#changed.add(key);
    if (this.#asked) return;
    this.#asked = true;
    this.#request(() => this.#frame());
  }

  /**
   * Whether somebody can see it; what changed meanwhile is drawn when somebody can again.
   *
   * @param {string} key
   * @param {boolean} visible
   */
  see(key, visible) {
    if (!visible) {
      this.#hidden.add(key);
      return;
    }
    this.#hidden.delete(key);
    if (this.#stale.delete(key)) this.mark(key);
  }

  /** @param {string} key */
  forget(key) {
    for (const keys of [this.#changed, this.#stale, this.#hidden]) keys.delete(key);
  }

  #frame() {
    this.#asked = false;
    const changed = this.#changed;
    this.#changed = new Set();
    this.#draw(changed);
  }
}
