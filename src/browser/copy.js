/**
 * A button that copies what an element says.
 */
import { element, setText } from "./dom.js";

const THANKS_MS = 2000;

/** @param {HTMLElement} shown */
export function copyButton(shown) {
  const place = element("p", "copy");
  const button = element("button", "button small", "Copy");
  button.type = "button";
  const said = element("span", "muted");
  said.setAttribute("role", "status");
  place.append(button, " ", said);
  button.onclick = async () => {
    // Browsers lend the clipboard to secure pages only; what is selected can be copied by hand.
    const copied = await copy(shown.textContent ?? "");
    if (!copied) getSelection()?.selectAllChildren(shown);
    setText(said, copied ? "Copied." : "Selected: copy it with your keyboard.");
    if (copied) setTimeout(() => setText(said, ""), THANKS_MS);
  };
  return place;
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
