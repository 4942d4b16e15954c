/**
 * The line of a transcript that the address names.
 */

/**
 * What was clicked on the timeline names a line.
 *
 * @param {Event} event
 */
export function aimAt({ target }) {
  const sequence = Number(target instanceof Element ? target.getAttribute("data-sequence") : 0);
  if (sequence > 0) location.hash = `line-${sequence}`;
  showAim();
}

/** Shows the line, which is there only once its call was read. */
export function showAim() {
  if (!/^#line-\d+$/.test(location.hash)) return;
  requestAnimationFrame(() => {
    const line = document.getElementById(location.hash.slice(1));
    for (const other of document.querySelectorAll(".turn.aim")) other.classList.remove("aim");
    line?.classList.add("aim");
    line?.scrollIntoView({ block: "center" });
  });
}
