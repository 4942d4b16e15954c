/**
 * The page that somebody sees who is not let in, and what to do about it.
 */
import type { ErrorCode } from "../base/codes.ts";
import { documentOf, partOf } from "./frame.ts";

interface Advice {
  title: string;
  advice: string;
}

const ADVICE: Partial<Record<ErrorCode, Advice>> = {
  ACCESS_LOOPBACK_ONLY: {
    title: "This server answers its own machine only",
    advice:
      'It has no API key yet. Make one on the server with: linescribe keys create "Me". Then load this page again.',
  },
  ACCESS_SCOPE_MISSING: {
    title: "Your key does not open this page",
    advice: "Log out and in again with a key that has the scope named above, or ask who runs this server.",
  },
  ACCESS_BAD_ORIGIN: {
    title: "Another page asked for this one",
    advice: "Type the address of this page into the address bar, or follow a link to it.",
  },
  REQUEST_UNSUPPORTED_OPTION: {
    title: "This address is not right",
    advice: "Correct it in the address bar, and load the page again.",
  },
  ACCESS_TOO_OFTEN: { title: "Too many requests", advice: "Wait a moment, then load this page again." },
  ACCESS_TOO_MANY: {
    title: "Too many connections",
    advice: "Close other windows, then load this page again.",
  },
};

const OTHERWISE: Advice = {
  title: "This page cannot be shown now",
  advice: "Wait a moment, then load it again.",
};

/** Says where one is; the navigation says where one can go. */
export function nothingHerePage(loggedIn: boolean): string {
  const main = part({
    title: "There is nothing at this address",
    message: "It may be misspelt, or what was here is gone.",
    advice: "The pages of this server are named above.",
    code: "REQUEST_MALFORMED",
  });
  return documentOf({ title: "Nothing here", path: null, main, loggedIn });
}

const part = partOf("refused.html");

export function refusalPage(
  { code, message }: { code: ErrorCode; message: string },
  loggedIn: boolean,
): string {
  const { title, advice } = ADVICE[code] ?? OTHERWISE;
  const main = part({ title, advice, code, message: `${message}.` });
  return documentOf({ title, path: null, main, loggedIn, navigation: false });
}
