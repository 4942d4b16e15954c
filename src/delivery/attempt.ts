/**
 * One attempt: an HTTP POST that follows nothing, waits for nothing long and reads next to nothing.
 */
import { Agent, type Dispatcher } from "undici";
import { messageOf } from "../base/error.ts";
import type { SignatureHeaders } from "./signing.ts";

export interface AttemptLimits {
  /** Until the TCP (and TLS) connection stands, ms. */
  connectMs: number;
  /** From the beginning to the end of the answer, ms. */
  totalMs: number;
}

/** Standard Webhooks asks for 15 to 30 s; a receiver that needs longer should queue the work itself. */
export const DEFAULT_ATTEMPT_LIMITS: AttemptLimits = Object.freeze({ connectMs: 3000, totalMs: 15_000 });

/** Bytes of an answer that are read; the rest is thrown away with the connection. */
const RESPONSE_BYTES_MAXIMUM = 1024;
/** Once the status is known, its body is waited for no longer than this, ms. */
const RESPONSE_BODY_MS = 1000;

/**
 * - `answered`: there is a status, whatever it is.
 * - `failed`: there is none. `error` is a code such as `ECONNREFUSED`, or a short text.
 * - `aborted`: we gave up ourselves, because the program stops.
 */
export type AttemptResult =
  | { kind: "answered"; status: number; retryAfter: string | null; response: string }
  | { kind: "failed"; error: string }
  | { kind: "aborted" };

/** Connections to receivers: kept alive, at most `connections` to each, never more requests than that. */
export function createAgent(connections: number, limits: AttemptLimits): Agent {
  return new Agent({
    connections,
    pipelining: 1,
    connect: { timeout: limits.connectMs },
    headersTimeout: limits.totalMs,
    bodyTimeout: limits.totalMs,
  });
}

/**
 * Posts a webhook. Never throws and never follows a redirect.
 *
 * @param controller - Owned by this attempt from now on; the caller aborts it to give the attempt up.
 */
export async function postWebhook(
  request: { url: string; headers: SignatureHeaders; body: string },
  agent: Dispatcher,
  limits: AttemptLimits,
  controller: AbortController,
): Promise<AttemptResult> {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort();
  }, limits.totalMs);
  try {
    const answer = await agent.request(requestOf(request, controller.signal));
    const retryAfter = answer.headers["retry-after"];
    return {
      kind: "answered",
      status: answer.statusCode,
      retryAfter: typeof retryAfter === "string" ? retryAfter : null,
      response: await beginningOf(answer.body, controller),
    };
  } catch (error) {
    if (timedOut) return { kind: "failed", error: `no answer in ${limits.totalMs} ms` };
    if (controller.signal.aborted) return { kind: "aborted" };
    return { kind: "failed", error: nameOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

function requestOf(
  { url, headers, body }: { url: string; headers: SignatureHeaders; body: string },
  signal: AbortSignal,
): Dispatcher.RequestOptions {
  const { origin, pathname, search, username, password } = new URL(url);
  return {
    origin,
    path: pathname + search,
    method: "POST",
    headers: {
      ...headers,
      ...(username === "" ? {} : { authorization: basic(username, password) }),
      "content-type": "application/json",
      "user-agent": "linescribe",
    },
    body,
    signal,
  };
}

/** The status counts whatever becomes of the body: a receiver that drips or resets it has answered all the same. */
async function beginningOf(
  body: Dispatcher.ResponseData["body"],
  controller: AbortController,
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => controller.abort(), RESPONSE_BODY_MS);
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > RESPONSE_BYTES_MAXIMUM) break;
    }
  } catch {
    // Whatever came until then is the answer.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, RESPONSE_BYTES_MAXIMUM).toString("utf8").replaceAll("\u0000", "");
}

function basic(username: string, password: string): string {
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** The system's or undici's code where there is one: messages may hold the URL, and with it a token. */
function nameOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = (cause as { code?: unknown }).code;
    if (typeof code === "string") return code;
  }
  return error instanceof Error ? error.name : messageOf(error);
}
