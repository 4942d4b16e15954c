/**
 * Logging in and out: a form without a script, so that a key never passes through one.
 */
import express, {
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  type Response,
  Router,
} from "express";
import type { Access } from "../access/access.ts";
import type { Refusal } from "../access/refusal.ts";
import { documentOf, partOf } from "./frame.ts";
import { sendPage } from "./send.ts";

/** Where somebody goes who asked for nothing else. */
export const FIRST_PAGE = "/";

const BODY_MAXIMUM_BYTES = 8192;
/** Below each other they say what is wrong; the code is for whoever is asked for help. */
const PROBLEMS: Partial<Record<Refusal["code"], string>> = {
  ACCESS_KEY_UNKNOWN: "This is not a key of this server.",
  ACCESS_KEY_EXPIRED: "This key is expired.",
  ACCESS_KEY_REVOKED: "This key was revoked.",
  ACCESS_LOGIN_EXPIRED: "Your login has ended. Please log in again.",
  ACCESS_BAD_ORIGIN: "Another page tried to log you in, or your browser hides where you come from.",
  ACCESS_TOO_OFTEN: "Too many tries. Wait a minute.",
};

type LoginAccess = Pick<Access, "admit" | "logIn" | "logOut" | "keyless">;

const part = partOf("login.html");

export function loginRoutes(access: LoginAccess): Router {
  const router = Router();
  router.get("/login", (request, response) => {
    const next = pathAfterLogin(request.query.next);
    if (access.keyless) response.redirect(303, next);
    else sendLogin(response, 200, next, request.query.ended === "" ? "ACCESS_LOGIN_EXPIRED" : null);
  });
  router.post("/login", form, badForm, logIn(access));
  router.post("/logout", async (request, response) => {
    const outcome = await access.logOut(request);
    if (!outcome.ok) sendLogin(response, outcome.status, FIRST_PAGE, outcome.code);
    else response.append("set-cookie", outcome.cookies).redirect(303, "/login");
  });
  // A page whose socket was refused asks here why: browsers do not tell it.
  router.get("/login/state", async (request, response) => {
    const admission = await access.admit(request, { scope: "transcribe" });
    response.setHeader("cache-control", "no-store");
    if (admission.ok) {
      admission.release();
      response.json({ code: null });
    } else {
      if (admission.retryAfterSeconds !== undefined)
        response.setHeader("retry-after", admission.retryAfterSeconds);
      response.status(admission.status).json({ code: admission.code, message: admission.message });
    }
  });
  return router;
}

const form = express.urlencoded({ extended: false, limit: BODY_MAXIMUM_BYTES, parameterLimit: 10 });

const badForm: ErrorRequestHandler = (_error, _request, response, _next) => {
  sendLogin(response, 400, FIRST_PAGE, "REQUEST_MALFORMED");
};

function logIn(access: LoginAccess): RequestHandler {
  return async (request: Request, response: Response) => {
    const { key, next: wanted } = (request.body ?? {}) as Record<string, unknown>;
    const next = pathAfterLogin(wanted);
    const outcome = await access.logIn(request, typeof key === "string" ? key.trim() : "");
    if (outcome.ok) {
      response.append("set-cookie", outcome.cookies).redirect(303, next);
      return;
    }
    if (outcome.retryAfterSeconds !== undefined) response.setHeader("retry-after", outcome.retryAfterSeconds);
    sendLogin(response, outcome.status, next, outcome.code);
  };
}

function sendLogin(response: Response, status: number, next: string, code: string | null): void {
  const problem =
    code === null ? "" : (PROBLEMS[code as Refusal["code"]] ?? "That did not work. Please try again.");
  const main = part({ next, problem, code: code ?? "" });
  const scripts = ["login.js"];
  sendPage(
    response,
    status,
    documentOf({ title: "Log in", path: null, main, scripts, loggedIn: false, navigation: false }),
  );
}

/** Characters of an address to come back to; a search for 200 letters of any script fits. */
const NEXT_CHARACTERS = 2000;
/** One slash and no other behind it: two begin the name of a host. Query and fragment have the characters of RFC 3986. */
const OWN_PATH = /^\/(?:[\w-][\w\-./]*)?(?:\?[\w\-.~!$&'()*+,;=:@/?%]*)?(?:#[\w\-.~%]*)?$/;

/** A path of this server with its query, or the first page: a login must not lead elsewhere. */
export function pathAfterLogin(next: unknown): string {
  return typeof next === "string" && next.length <= NEXT_CHARACTERS && OWN_PATH.test(next)
    ? next
    : FIRST_PAGE;
}
