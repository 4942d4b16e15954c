/**
 * The pages for people, and the files they consist of; docs/pages.md says who may see them.
 */
import { type Request, type RequestHandler, type Response, Router } from "express";
import type { Access } from "../access/access.ts";
import { loginTokenOf } from "../access/cookie.ts";
import type { Scope } from "../access/key.ts";
import type { Refusal } from "../access/refusal.ts";
import { readAssets, sendAsset } from "./assets.ts";
import { captionsLook } from "./captions-look.ts";
import { documentOf, type PageParts, partOf } from "./frame.ts";
import { loginRoutes, pathAfterLogin } from "./login-routes.ts";
import { setPolicy } from "./policy.ts";
import { refusalPage } from "./refusal-page.ts";
import { sendPage } from "./send.ts";

export interface PagesOptions {
  access: Pick<Access, "admit" | "logIn" | "logOut" | "keyless">;
}

type Page = Omit<PageParts, "loggedIn" | "main" | "path"> & {
  /** Where the page is; several, when it has parameters. */
  path: string | RegExp;
  part: string;
  /** What a key needs; null: it holds nothing that is a secret. */
  scope: Scope | null;
  /** Where somebody goes whose key does not open it. */
  instead?: string;
  /** The texts of its part, by its address; a string says what is wrong with that. */
  values?: (request: Request) => Record<string, string> | string;
};

const CALL = "[\\w-]{1,64}";

const PAGES: readonly Page[] = [
  {
    path: "/",
    title: "Calls",
    part: "calls.html",
    scripts: ["calls.js"],
    styles: ["calls.css"],
    scope: "read",
    instead: "/listen",
  },
  {
    path: new RegExp(`^/calls/(?<sid>${CALL})$`),
    title: "Call",
    part: "call.html",
    scripts: ["call.js"],
    styles: ["calls.css", "call.css", "print.css"],
    scope: "read",
    values: ({ params }) => ({ sid: params.sid as string }),
  },
  {
    path: new RegExp(`^/calls/(?<sid>${CALL})/captions$`),
    title: "Captions",
    part: "overlay.html",
    scripts: ["overlay.js"],
    styles: ["overlay.css"],
    scope: "read",
    bare: true,
    values: ({ params, query }) => {
      const parsed = captionsLook(query);
      return parsed.ok ? { sid: params.sid as string, ...parsed.look } : parsed.fault;
    },
  },
  {
    path: "/listen",
    title: "Listen",
    part: "listen.html",
    scripts: ["listen.js"],
    styles: ["listen.css"],
    scope: "transcribe",
  },
  {
    path: "/api",
    title: "API",
    part: "api.html",
    scripts: ["api.js"],
    styles: ["api.css"],
    scope: null,
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
  for (const page of PAGES) router.get(page.path, serve(page, access));
  return router;
}

function serve(
  { part, scope, path, instead, values = () => ({}), ...page }: Page,
  access: PagesOptions["access"],
): RequestHandler {
  const mainOf = partOf(part);
  return async (request, response) => {
    setPolicy(response);
    const loggedIn = loginTokenOf(request, false) !== null && !access.keyless;
    const refusal = scope === null ? null : await refusalOf(request, scope, access);
    if (refusal !== null) {
      if (refusal.code === "ACCESS_SCOPE_MISSING" && instead) response.redirect(303, instead);
      else refuse(response, refusal, request, loggedIn);
      return;
    }
    const texts = values(request);
    if (typeof texts === "string") {
      const refusal = { code: "REQUEST_UNSUPPORTED_OPTION", message: texts } as const;
      sendPage(response, 400, refusalPage(refusal, loggedIn));
    } else {
      const at = typeof path === "string" ? path : null;
      sendPage(response, 200, documentOf({ ...page, path: at, main: mainOf(texts), loggedIn }));
    }
  };
}

async function refusalOf(
  request: Request,
  scope: Scope,
  access: Pick<Access, "admit">,
): Promise<Refusal | null> {
  const admission = await access.admit(request, { scope });
  if (!admission.ok) return admission;
  admission.release();
  return null;
}

function refuse(
  response: Response,
  { status, code, message, retryAfterSeconds }: Refusal,
  { originalUrl }: Request,
  loggedIn: boolean,
): void {
  if (status === 401) {
    const ended = loggedIn ? "&ended=" : "";
    response.setHeader("cache-control", "no-store");
    response.redirect(303, `/login?next=${encodeURIComponent(pathAfterLogin(originalUrl))}${ended}`);
    return;
  }
  if (retryAfterSeconds !== undefined) response.setHeader("retry-after", retryAfterSeconds);
  sendPage(response, status, refusalPage({ code, message }, loggedIn));
}
