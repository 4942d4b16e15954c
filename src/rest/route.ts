/**
 * One route of the API: how it is asked for, what it may answer, and who answers. Router and OpenAPI document are both made
 * of these, so that neither says what the other does not do.
 */
import type { Request } from "express";
import type * as z from "zod";
import type { Scope } from "../access/key.ts";
import type { ErrorCode } from "../base/codes.ts";
import type { ListedCall } from "../store/catalogue.ts";

/** Who may ask: `read` sees, `admin` changes. */
export type RouteScope = Extract<Scope, "read" | "admin">;

/** What is answered. */
export interface Answer {
  /** Media type. */
  type: string;
  body: string;
  /** For a file: its name when it is saved. */
  fileName?: string;
}

export interface Asked<Query, Body> {
  query: Query;
  body: Body;
  request: Request;
  /** Whether phone numbers are shown whole. */
  whole: boolean;
  /** Aborts when nobody waits any more. */
  signal: AbortSignal;
}

export interface RouteFacts {
  method: "get" | "post" | "delete";
  /** After `/v1/calls`; `:callSid` is the call's. */
  path: "" | `/:callSid${string}`;
  /** `operationId` of the document. */
  name: string;
  summary: string;
  scope: RouteScope;
  query: z.ZodObject;
  body?: z.ZodObject;
  /** By media type: the schema of JSON, null for text. */
  answers: Readonly<Record<string, { name: string; schema: z.ZodType } | null>>;
  /** Codes of its own, besides those that every route has. */
  errors: readonly { status: number; code: ErrorCode }[];
}

export interface Route extends RouteFacts {
  /** @param call - The one that the path names; null for the list. */
  answer(asked: Asked<never, never>, call: ListedCall | null): Promise<Answer> | Answer;
}

/** What every route on a call may answer. */
export const UNKNOWN_CALL = { status: 404, code: "CALL_UNKNOWN" } as const;

/** A route on one call. */
export function callRoute<Query extends z.ZodObject, Body extends z.ZodObject = z.ZodObject>(
  facts: RouteFacts & { query: Query; body?: Body },
  answer: (asked: Asked<z.output<Query>, z.output<Body>>, call: ListedCall) => Promise<Answer> | Answer,
): Route {
  return { ...facts, answer: (asked, call) => answer(asked, call as ListedCall) };
}

/** A route that names no call. */
export function listingRoute<Query extends z.ZodObject>(
  facts: RouteFacts & { query: Query },
  answer: (asked: Asked<z.output<Query>, undefined>) => Promise<Answer> | Answer,
): Route {
  return { ...facts, answer: (asked) => answer(asked) };
}

export function jsonAnswer(value: object): Answer {
  return { type: "application/json", body: JSON.stringify(value) };
}
