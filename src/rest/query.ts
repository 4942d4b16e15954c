/**
 * Queries of addresses and bodies of requests, read by their schemas; every fault names the parameter.
 */
import type { IncomingMessage } from "node:http";
import * as z from "zod";
import { ApiError, badOption } from "../http/api-error.ts";

/** Characters of an address at most; filters and a search together are a tenth of it. */
const ADDRESS_CHARACTERS = 4096;
/** Bytes of a body at most: a thousand sequences fit. */
const BODY_BYTES = 16_384;

/** A whole number in the query, in [minimum, maximum]. */
export function wholeNumber(minimum: number, maximum: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, `a whole number`)
    .transform(Number)
    .pipe(z.int().min(minimum).max(maximum));
}

/**
 * The query of an address.
 *
 * @throws {ApiError} `REQUEST_TOO_LARGE` (414) for an address that is too long; `REQUEST_UNSUPPORTED_OPTION` (400) for a
 *   parameter that is unknown, given twice or not as the schema says.
 */
export function readQuery<T extends z.ZodType>(address: string, schema: T): z.output<T> {
  if (address.length > ADDRESS_CHARACTERS) {
    throw new ApiError(
      414,
      "REQUEST_TOO_LARGE",
      `Expected an address of at most ${ADDRESS_CHARACTERS} characters`,
    );
  }
  const given: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URL(address, "http://localhost").searchParams) {
    if (name in given) throw badOption(shown(name), `The parameter ${shown(name)} is given twice`);
    given[name] = value;
  }
  return parse(schema, { ...given });
}

/**
 * The JSON of a request's body; an empty one is `{}`.
 *
 * @throws {ApiError} `REQUEST_UNSUPPORTED_TYPE` (415), `REQUEST_TOO_LARGE` (413), `REQUEST_MALFORMED` (400) or
 *   `REQUEST_UNSUPPORTED_OPTION` (400).
 */
export async function readBody<T extends z.ZodType>(
  request: IncomingMessage,
  schema: T,
): Promise<z.output<T>> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > BODY_BYTES) {
      throw new ApiError(413, "REQUEST_TOO_LARGE", `Expected a body of at most ${BODY_BYTES} bytes`);
    }
    pieces.push(piece);
  }
  if (bytes === 0) return parse(schema, {});
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new ApiError(415, "REQUEST_UNSUPPORTED_TYPE", "Expected a body of application/json");
  }
  return parse(schema, parseJson(Buffer.concat(pieces).toString("utf8")));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, "REQUEST_MALFORMED", "Expected a body of JSON");
  }
}

function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0] as z.core.$ZodIssue;
  if (issue.code === "unrecognized_keys") {
    const name = shown(String(issue.keys[0]));
    throw badOption(name, `The parameter ${name} is not known`);
  }
  if (issue.path.length === 0) throw new ApiError(400, "REQUEST_MALFORMED", "Expected a JSON object");
  const name = shown(issue.path.join("."));
  throw badOption(name, `The parameter ${name} is not as it should be: ${issue.message}`);
}

/** Names come from outside: letters that may be a name, and not many. */
function shown(name: string): string {
  return name.replaceAll(/[^\w.[\]-]/g, "?").slice(0, 40);
}
