/**
 * The OpenAPI 3.1 document of the API of calls, made of its routes and their schemas.
 */
import { STATUS_CODES } from "node:http";
import * as z from "zod";
import { REFUSALS } from "../access/refusal.ts";
import { ERROR_CODES, type ErrorCode } from "../base/codes.ts";
import { PROBLEM_TYPE, PROBLEMS_PATH, problemSchema } from "./problem.ts";
import type { Route, RouteFacts } from "./route.ts";
import { callSidSchema, problemMeaning } from "./schemas.ts";

type Json = Record<string, unknown>;

/** Raised with the API: its first part when clients have to change. */
const API_VERSION = "1.0.0";

/** What every route may answer. */
const COMMON_ERRORS: readonly { status: number; code: ErrorCode }[] = [
  { status: 400, code: "REQUEST_UNSUPPORTED_OPTION" },
  ...Object.entries(REFUSALS).map(([code, { status }]) => ({ status, code: code as ErrorCode })),
  { status: 408, code: "REQUEST_TIMEOUT" },
  { status: 414, code: "REQUEST_TOO_LARGE" },
  { status: 500, code: "REQUEST_FAILED" },
  { status: 503, code: "REQUEST_OVERLOADED" },
  { status: 503, code: "SERVER_DRAINING" },
];

/** @param base - Path before those of the routes. */
export function openApiDocument(routes: readonly Route[], base: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = (base + route.path).replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  paths[`${PROBLEMS_PATH}/{code}`] = { get: problemOperation() };
  return {
    openapi: "3.1.0",
    info: {
      title: "Linescribe",
      version: API_VERSION,
      description: "Calls and sessions, their transcripts, events and deliveries.",
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    paths,
    components: {
      schemas: { Problem: schemaOf(problemSchema), ...answerSchemas(routes) },
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "An API key, `ls_…`; see `linescribe keys`" },
      },
    },
  };
}

function answerSchemas(routes: readonly Route[]): Json {
  const named = routes.flatMap(({ answers }) => Object.values(answers)).filter((answer) => answer !== null);
  return Object.fromEntries(named.map(({ name, schema }) => [name, schemaOf(schema)]));
}

function schemaOf(schema: z.ZodType, io: "input" | "output" = "output"): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, target: "draft-2020-12" });
  return rest;
}

function operationOf({ name, summary, scope, query, body, path, answers, errors }: RouteFacts): Json {
  const parameters = [
    ...(path.includes(":callSid")
      ? [{ name: "callSid", in: "path", required: true, schema: schemaOf(callSidSchema) }]
      : []),
    ...Object.entries(query.shape).map(([parameter, schema]) => parameterOf(parameter, schema as z.ZodType)),
  ];
  return {
    operationId: name,
    summary,
    description: `Needs a key with the scope \`${scope}\`.`,
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: { required: false, content: { "application/json": { schema: schemaOf(body, "input") } } },
    }),
    responses: {
      200: { description: summary, content: contentOf(answers) },
      ...problemResponses([...errors, ...COMMON_ERRORS]),
    },
  };
}

function parameterOf(name: string, schema: z.ZodType): Json {
  const { description, ...rest } = schemaOf(schema);
  return {
    name,
    in: "query",
    required: false,
    ...(description !== undefined && { description }),
    schema: rest,
  };
}

function contentOf(answers: RouteFacts["answers"]): Json {
  const entries = Object.entries(answers).map(([type, answer]) => [
    type.split(";")[0] as string,
    { schema: answer === null ? { type: "string" } : { $ref: `#/components/schemas/${answer.name}` } },
  ]);
  return Object.fromEntries(entries) as Json;
}

/** One response for each status, which names its codes. */
function problemResponses(errors: readonly { status: number; code: ErrorCode }[]): Json {
  const responses: Json = {};
  for (const status of [...new Set(errors.map((error) => error.status))].sort()) {
    const codes = errors.filter((error) => error.status === status).map(({ code }) => code);
    const meanings = [...new Set(codes)].map((code) => `- \`${code}\`: ${ERROR_CODES[code]}`);
    responses[status] = {
      description: `${STATUS_CODES[status] ?? ""}\n\n${meanings.join("\n")}`,
      content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
    };
  }
  return responses;
}

function problemOperation(): Json {
  return {
    operationId: "explainProblem",
    summary: "What a code of an error means",
    security: [],
    parameters: [{ name: "code", in: "path", required: true, schema: { type: "string" } }],
    responses: {
      200: {
        description: "Its meaning",
        content: { "application/json": { schema: schemaOf(problemMeaning) } },
      },
      ...problemResponses([{ status: 404, code: "REQUEST_MALFORMED" }]),
    },
  };
}
