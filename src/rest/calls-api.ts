/**
 * The HTTP API of calls: `/v1/calls`, and what describes it.
 */
import express, { type Request, type Response } from "express";
import type { Access } from "../access/access.ts";
import { allows, type Scope } from "../access/key.ts";
import { ERROR_CODES } from "../base/codes.ts";
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import { ApiError } from "../http/api-error.ts";
import { RequestDesk, type Visit } from "../http/desk.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ListedCall } from "../store/catalogue.ts";
import { openApiDocument } from "./openapi.ts";
import { describeProblem, PROBLEM_TYPE, PROBLEMS_PATH } from "./problem.ts";
import { readBody, readQuery } from "./query.ts";
import type { Answer, Asked, Route, RouteScope } from "./route.ts";
import { type CallsStore, callRoutes } from "./routes.ts";

export const CALLS_PATH = "/v1/calls";
export const OPENAPI_PATH = "/v1/openapi.json";

export interface CallsApiOptions {
  store: CallsStore;
  access: Pick<Access, "admit">;
  /** The scopes of a key. */
  scopesOf(keyId: string): readonly string[];
  /** Told when deliveries are due again. */
  onResent(): void;
  /** Requests worked on at once; one more is refused with `REQUEST_OVERLOADED`. */
  maximumRequests: number;
  logger: Logger;
  /** Receives `api.calls.added|refused|answered|abandoned|failed.<code>`. */
  counters: Counters;
}

export class CallsApi {
  readonly router: express.Router = express.Router();
  readonly #options: CallsApiOptions;
  readonly #desks: Record<RouteScope, RequestDesk>;

  constructor(options: CallsApiOptions) {
    this.#options = options;
    const desk = (scope: RouteScope): RequestDesk =>
      new RequestDesk({ ...options, name: "api.calls", scope, describe: describeProblem });
    this.#desks = { read: desk("read"), admin: desk("admin") };
    const routes = callRoutes(options.store, () => options.onResent());
    for (const route of routes) {
      this.router[route.method](CALLS_PATH + route.path, (request, response) =>
        this.#desks[route.scope].serve(request, response, (visit) => this.#serve(route, visit, request)),
      );
    }
    this.#describe(routes);
    this.#refuseRest(routes);
  }

  /** No new requests from now on. */
  drain(): void {
    for (const desk of Object.values(this.#desks)) desk.drain();
  }

  /** Gives up what is under way. */
  close(): void {
    for (const desk of Object.values(this.#desks)) desk.close();
  }

  async #serve(route: Route, { exchange, admission, log }: Visit, request: Request): Promise<void> {
    const { keyId } = admission;
    const query = readQuery(request.url, route.query);
    const body = route.body ? await readBody(request, route.body) : undefined;
    exchange.signal.throwIfAborted();
    const call = route.path === "" ? null : this.#call(String(request.params.callSid));
    const asked = { query, body, request, whole: this.#mayNumbers(keyId), signal: exchange.signal };
    send(exchange, await route.answer(asked as Asked<never, never>, call));
    if (route.scope === "admin")
      log.info({ keyId, call: call?.callSid, request: route.name }, "call changed");
  }

  #call(callSid: string): ListedCall {
    const call = this.#options.store.catalogue.get(callSid);
    if (call === null) throw new ApiError(404, "CALL_UNKNOWN", "There is no call or session with this id");
    return call;
  }

  /** Without a key only this machine is answered, and numbers are masked all the same: screens are looked at by others. */
  #mayNumbers(keyId: string | null): boolean {
    const scope: Scope = "numbers";
    return keyId !== null && allows(this.#options.scopesOf(keyId), scope);
  }

  /** The document, and the meanings of codes, are no secret. */
  #describe(routes: readonly Route[]): void {
    const document = JSON.stringify(openApiDocument(routes, CALLS_PATH));
    this.router.get(OPENAPI_PATH, (_request, response) => {
      response.type("application/json").send(document);
    });
    this.router.get(`${PROBLEMS_PATH}/:code`, (request, response) => {
      const { code } = request.params;
      const title = Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as keyof typeof ERROR_CODES] : null;
      if (title !== null) response.json({ code, title });
      else problem(response, 404, "REQUEST_MALFORMED", "There is no such code");
    });
  }

  #refuseRest(routes: readonly Route[]): void {
    for (const path of new Set(routes.map((route) => route.path))) {
      const methods = routes.filter((route) => route.path === path).map(({ method }) => method.toUpperCase());
      const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : [])].join(", ");
      this.router.all(CALLS_PATH + path, (_request, response) => {
        response.set("allow", allow);
        problem(response, 405, "REQUEST_WRONG_METHOD", `Expected one of the methods ${allow}`);
      });
    }
    this.router.use(CALLS_PATH, (_request, response) => {
      problem(response, 404, "REQUEST_MALFORMED", "There is nothing at this address");
    });
    // Such as escapes that are none.
    const broken: express.ErrorRequestHandler = (_error, _request, response, _next) => {
      problem(response, 400, "REQUEST_MALFORMED", "Expected an address that can be read");
    };
    this.router.use(broken);
  }
}

function send(exchange: Exchange, { type, body, fileName }: Answer): void {
  const { response } = exchange;
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  // A call's id is letters, digits, "_" and "-".
  if (fileName !== undefined) response.setHeader("content-disposition", `inline; filename="${fileName}"`);
  exchange.send(type, body);
}

/** An answer to what no desk has seen. */
function problem(response: Response, status: number, code: keyof typeof ERROR_CODES, message: string): void {
  const error = new ApiError(status, code, message);
  const { body, headers = {} } = describeProblem(error, crypto.randomUUID());
  response.status(status).set(headers).type(PROBLEM_TYPE).send(JSON.stringify(body));
}
