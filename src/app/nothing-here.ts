/**
 * The answer to what no route knows: a page for browsers, problem details for programs. It repeats nothing of the address.
 */
import type { Request, Response } from "express";
import { loginTokenOf } from "../access/cookie.ts";
import { setPolicy } from "../pages/policy.ts";
import { nothingHerePage } from "../pages/refusal-page.ts";
import { sendPage } from "../pages/send.ts";
import { describeProblem, PROBLEM_TYPE } from "../rest/problem.ts";

const MESSAGE = "There is nothing at this address";

export function nothingHere(request: Request, response: Response): void {
  response.vary("accept");
  if (request.accepts([PROBLEM_TYPE, "json", "html"]) === "html") {
    setPolicy(response);
    sendPage(response, 404, nothingHerePage(loginTokenOf(request, false) !== null));
    return;
  }
  const fault = { status: 404, code: "REQUEST_MALFORMED", message: MESSAGE, param: null } as const;
  const { body, headers = {} } = describeProblem(fault, crypto.randomUUID());
  response.status(404).set(headers).type(PROBLEM_TYPE).send(JSON.stringify(body));
}
