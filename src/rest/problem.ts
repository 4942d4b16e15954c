/**
 * Errors as problem details (RFC 9457): our code in `code`, the parameter at fault in `errors`, never any content.
 */
import * as z from "zod";
import { ERROR_CODES, type ErrorCode } from "../base/codes.ts";
import type { ApiError } from "../http/api-error.ts";
import type { ErrorAnswer } from "../http/exchange.ts";

export const PROBLEM_TYPE = "application/problem+json";
/** Where the meaning of a code is told. */
export const PROBLEMS_PATH = "/v1/problems";

export const problemSchema = z.strictObject({
  type: z.string().describe("Names the kind of problem; leads to its meaning. Stable."),
  title: z.string().describe("What the code means, the same for every case"),
  status: z.int().min(400).max(599),
  detail: z.string().describe("What was wrong in this case"),
  instance: z.string().describe("The request, as in the header x-request-id"),
  code: z
    .string()
    .regex(/^[A-Z]+(_[A-Z]+)+$/)
    .meta({ examples: ["CALL_UNKNOWN"] }),
  errors: z
    .array(z.strictObject({ parameter: z.string(), detail: z.string() }))
    .optional()
    .describe("The parameter at fault, where there is one"),
});

export function describeProblem(
  { status, code, message, param }: Pick<ApiError, "status" | "code" | "message" | "param">,
  requestId: string,
): ErrorAnswer {
  const body: z.infer<typeof problemSchema> = {
    type: problemType(code),
    title: ERROR_CODES[code],
    status,
    detail: message,
    instance: `urn:uuid:${requestId}`,
    code,
    ...(param !== null && { errors: [{ parameter: param, detail: message }] }),
  };
  return { body, type: PROBLEM_TYPE, headers: { "cache-control": "no-store" } };
}

function problemType(code: ErrorCode): string {
  return `${PROBLEMS_PATH}/${code}`;
}
