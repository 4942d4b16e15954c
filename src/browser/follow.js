/**
 * Stays with the newest line while it is in sight, and shows the way to it when it is not.
 */

/** How far below the window the end may be for somebody who still reads there, CSS pixels. */
const NEAR_PX = 120;
/** Room below the newest line, CSS pixels. */
const ROOM_PX = 24;

export class Follow {
  #end;
  #button;
  #live = false;
  #near = false;

  /**
   * @param {HTMLElement} end - Just below the newest line.
   * @param {HTMLElement} button - Leads there.
   */
  constructor(end, button) {
    this.#end = end;
    this.#button = button;
    button.onclick = () => this.#go();
    new IntersectionObserver(() => this.#show(), { rootMargin: `0px 0px ${NEAR_PX}px` }).observe(end);
  }

  /** @param {boolean} live - Whether more may come. */
  set live(live) {
    this.#live = live;
    this.#show();
  }

  /** Before lines are drawn. */
  before() {
    this.#near = this.#live && scrollY > 0 && this.#belowPx < NEAR_PX && this.#belowPx > -innerHeight;
  }

  /** After they were. */
  after() {
    if (this.#near && this.#belowPx > 0) this.#go();
    this.#show();
  }

  /** How far the end is below the window; negative: in it, or above. */
  get #belowPx() {
    return this.#end.getBoundingClientRect().bottom + ROOM_PX - innerHeight;
  }

  #go() {
    scrollBy(0, this.#belowPx);
  }

  #show() {
    this.#button.hidden = !(this.#live && this.#belowPx > NEAR_PX);
  }
}
