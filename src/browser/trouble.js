/**
 * The place of a page that says what is wrong, and what to do about it.
 */
import { find, setText } from "./dom.js";

/** @type {Record<string, { title: string, advice: string }>} */
const TROUBLES = {
  PAGE_OFFLINE: { title: "The server cannot be reached", advice: "" },
  ACCESS_SCOPE_MISSING: {
    title: "Your key does not allow this",
    advice: "Log in with a key that has the scope for it, or ask who runs this server.",
  },
  ACCESS_KEY_MISSING: { title: "You are not logged in", advice: "Log in, and you come back to this page." },
  ACCESS_TOO_OFTEN: { title: "Too many requests", advice: "Wait a moment, then try again." },
  REQUEST_UNSUPPORTED_OPTION: { title: "This cannot be looked for", advice: "Correct what you typed." },
  CALL_UNKNOWN: { title: "There is no such call", advice: "It may have been deleted." },
};
/** What passes by itself, whatever its code. */
const PASSING = { title: "The server cannot answer now", advice: "" };
const LOGIN = { title: "Your login has ended", advice: "Log in again, then come back to this page." };

/**
 * @param {{ code: string, status?: number, message?: string } | null} trouble - Null: all is well.
 * @param {boolean} [again] - Whether the page tries again by itself.
 */
export function showTrouble(trouble, again = false) {
  const section = find("trouble");
  section.hidden = trouble === null;
  if (trouble === null) return;
  const { code, status = 0, message = "" } = trouble;
  const isLogin = status === 401 || code === "ACCESS_LOGIN_EXPIRED" || code.startsWith("ACCESS_KEY_");
  const otherwise = status >= 500 ? PASSING : { title: "That did not work", advice: "" };
  const { title, advice } = TROUBLES[code] ?? (isLogin ? LOGIN : null) ?? otherwise;
  setText(find("trouble-title"), `${title}.`);
  const said = code === "PAGE_OFFLINE" || message === "" ? "" : `${message}.`;
  setText(find("trouble-advice"), [said, again ? "Trying again…" : advice].filter(Boolean).join(" "));
  setText(find("trouble-code"), /^[A-Z_]+$/.test(code) ? code : "");
  const login = find("trouble-login");
  login.hidden = !isLogin;
  const here = location.pathname + location.search + location.hash;
  login.setAttribute("href", `/login?next=${encodeURIComponent(here)}`);
}
