/**
 * The place of a page that says what is wrong, and what to do about it.
 */
import { find, setText } from "./dom.js";

/** @type {Record<string, { title: string, advice: string }>} */
const TROUBLES = {
  PAGE_OFFLINE: { title: "The server cannot be reached", advice: "What is shown may be old. Trying again…" },
  ACCESS_SCOPE_MISSING: {
    title: "Your key does not allow this",
    advice: "Log in with a key that has the scope for it, or ask who runs this server.",
  },
  ACCESS_TOO_OFTEN: { title: "Too many requests", advice: "Wait a moment, then try again." },
  REQUEST_UNSUPPORTED_OPTION: { title: "This cannot be looked for", advice: "Correct what you typed." },
  CALL_UNKNOWN: { title: "There is no such call", advice: "It may have been deleted." },
};
const LOGIN = { title: "Your login has ended", advice: "Log in again, then come back to this page." };

/**
 * @param {{ code: string, status?: number, message?: string } | null} trouble - Null: all is well.
 */
export function showTrouble(trouble) {
  const section = find("trouble");
  section.hidden = trouble === null;
  if (trouble === null) return;
  const { code, status = 0, message = "" } = trouble;
  const isLogin = status === 401 || code === "ACCESS_LOGIN_EXPIRED" || code.startsWith("ACCESS_KEY_");
  const { title, advice } = (isLogin ? LOGIN : TROUBLES[code]) ?? { title: "That did not work", advice: "" };
  setText(find("trouble-title"), `${title}.`);
  setText(find("trouble-advice"), [message && `${message}.`, advice].filter(Boolean).join(" "));
  setText(find("trouble-code"), /^[A-Z_]+$/.test(code) ? code : "");
  const login = find("trouble-login");
  login.hidden = !isLogin;
  login.setAttribute("href", `/login?next=${encodeURIComponent(location.pathname)}`);
}
