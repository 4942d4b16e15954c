/**
 * The pages for people, and the files they consist of; docs/pages.md says who may see them.
 */
import { type RequestHandler, type Response, Router } from "express";
import type { Access, Admission } from "../access/access.ts";
import { loginTokenOf } from "../access/cookie.ts";
import type { Scope } from "../access/key.ts";
import { readAssets, sendAsset } from "./assets.ts";
import { documentOf, type PageParts, partOf } from "./frame.ts";
import { FIRST_PAGE, loginRoutes } from "./login-routes.ts";
import { setPolicy } from "./policy.ts";
import { refusalPage } from "./refusal-page.ts";
import { sendPage } from "./send.ts";

export interface PagesOptions {
  access: Pick<Access, "admit" | "logIn" | "logOut" | "keyless">;
}

type Page = Omit<PageParts, "loggedIn" | "main"> & { path: string; part: string; scope: Scope };

const PAGES: readonly Page[] = [
  {
    path: "/listen",
    title: "Listen",
    part: "listen.html",
    scripts: ["listen.js"],
    styles: ["listen.css"],
    scope: "transcribe",
  },
];

export function createPages({ access }: PagesOptions): Router {
  const assets = readAssets();
  const router = Router();
  router.get("/assets/:name", (request, response, next) => {
    const asset = assets.get(request.params.name);
    if (asset === undefined) return next();
    setPolicy(response);
    sendAsset(asset, request, response);
  });
  router.use(["/login", "/logout"], (_request, response, next) => {
    setPolicy(response);
    next();
  });
  router.use(loginRoutes(access));
  router.get("/", (_request, response) => response.redirect(303, FIRST_PAGE));
  for (const page of PAGES) router.get(page.path, serve(page, access));
  return router;
}

function serve({ part, scope, ...page }: Page, access: PagesOptions["access"]): RequestHandler {
  const main = partOf(part)();
  return async (request, response) => {
    setPolicy(response);
    const loggedIn = loginTokenOf(request, false) !== null && !access.keyless;
    const admission = await access.admit(request, { scope });
    if (admission.ok) {
      admission.release();
      sendPage(response, 200, documentOf({ ...page, main, loggedIn }));
    } else refuse(response, admission, page.path, loggedIn);
  };
}

function refuse(
  response: Response,
  { status, code, message, retryAfterSeconds }: Exclude<Admission, { ok: true }>,
  path: string,
  loggedIn: boolean,
): void {
  if (status === 401) {
    const ended = loggedIn ? "&ended=" : "";
    response.setHeader("cache-control", "no-store");
    response.redirect(303, `/login?next=${encodeURIComponent(path)}${ended}`);
    return;
  }
  if (retryAfterSeconds !== undefined) response.setHeader("retry-after", retryAfterSeconds);
  sendPage(response, status, refusalPage({ code, message }, loggedIn));
}
