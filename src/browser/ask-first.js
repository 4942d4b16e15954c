/**
 * A dialog that has to be agreed to before something happens.
 */
import { Refused } from "./calls-client.js";
import { find } from "./dom.js";
import { showTrouble } from "./trouble.js";

/**
 * @param {"resend" | "delete"} what - Id of the button; the dialog's ends with `-dialog`.
 * @param {() => Promise<void>} act
 */
export function askFirst(what, act) {
  /** @type {HTMLDialogElement} */
  const dialog = find(`${what}-dialog`);
  find(what).onclick = () => dialog.showModal();
  dialog.onclose = async () => {
    if (dialog.returnValue !== "yes") return;
    dialog.returnValue = "";
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      showTrouble(error);
    }
  };
}
