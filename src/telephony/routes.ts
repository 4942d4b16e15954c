/**
 * The carrier's webhooks over HTTP: content type, size, signature, then what they say.
 *
 * A request that is signed is answered with 200, whatever is in it: the carrier would read out an error to the caller.
 */
import express from "express";
import type { ErrorCode } from "../base/codes.ts";
import { messageOf } from "../base/error.ts";
import { STATUS_PATH, STREAM_PATH, VOICE_PATH } from "./address.ts";
import type { StreamStatus } from "./port.ts";
import { checkRequest, type SignatureKeys } from "./signature.ts";
import { answerVoice, RECOVERY_PARAMETER, type VoiceOptions } from "./voice.ts";

const BODY_MAXIMUM = "16kb";
const PARAMETERS_MAXIMUM = 200;
const FORM_TYPE = "application/x-www-form-urlencoded";
const STREAM_STATUSES: readonly string[] = ["stream-started", "stream-stopped", "stream-error"];

export interface TelephonyRoutesOptions extends Omit<VoiceOptions, "publicUrl" | "mediaUrl"> {
  /** Read at each request, because a test's port is known late. */
  keys: () => SignatureKeys;
  /** Leaves the signature unchecked; the application allows this on loopback only. */
  insecure?: boolean | undefined;
}

type Form = Record<string, unknown>;
type RawRequest = express.Request & { rawBody?: string };

export function telephonyRoutes(options: TelephonyRoutesOptions): express.Router {
  const router = express.Router();
  const guards = [requireForm, formParser(), requireSignature(options)];
  const publicUrl = (): string => options.keys().publicUrl;
  const voice = { ...options, publicUrl, mediaUrl: () => options.keys().mediaUrl ?? publicUrl() };

  router.post(VOICE_PATH, ...guards, (request, response) => {
    const form = formOf(request);
    const document = answerVoice(voice, {
      callSid: idOf(form, "CallSid"),
      accountSid: idOf(form, "AccountSid"),
      from: textOf(form, "From"),
      to: textOf(form, "To"),
      recovery: recoveryOf(request),
    });
    response.status(200).type("text/xml").send(document);
  });
  router.post(STATUS_PATH, ...guards, (request, response) => {
    tell(options, "call status", () => tellCallStatus(options, formOf(request)));
    response.status(200).type("text/plain").send("");
  });
  router.post(STREAM_PATH, ...guards, (request, response) => {
    tell(options, "stream status", () => tellStreamStatus(options, formOf(request)));
    response.status(200).type("text/plain").send("");
  });
  router.use([VOICE_PATH, STATUS_PATH, STREAM_PATH], refuseBody(options));
  return router;
}

function tellCallStatus({ port, log }: TelephonyRoutesOptions, form: Form): void {
  const callSid = idOf(form, "CallSid");
  const status = idOf(form, "CallStatus");
  if (callSid === null || status === null) {
    log.warn({ code: "REQUEST_MALFORMED" }, "call status without a usable CallSid or CallStatus");
    return;
  }
  log.info({ callSid, status }, "call status");
  port.callStatus(callSid, status);
}

function tellStreamStatus({ port, log }: TelephonyRoutesOptions, form: Form): void {
  const callSid = idOf(form, "CallSid");
  const streamSid = idOf(form, "StreamSid");
  const event = idOf(form, "StreamEvent");
  if (callSid === null || streamSid === null || event === null || !STREAM_STATUSES.includes(event)) {
    log.warn({ code: "REQUEST_MALFORMED" }, "stream status without usable fields");
    return;
  }
  const error = textOf(form, "StreamError") ?? undefined;
  log[event === "stream-error" ? "warn" : "info"]({ callSid, streamSid, event, error }, "stream status");
  port.streamStatus(callSid, streamSid, event as StreamStatus, error);
}

/** The carrier repeats nothing and nobody listens to a status's answer, so a fault of ours is logged only. */
function tell({ log }: TelephonyRoutesOptions, what: string, task: () => void): void {
  try {
    task();
  } catch (error) {
    log.error({ error: messageOf(error) }, `${what} webhook failed`);
  }
}

const requireForm: express.RequestHandler = (request, response, next) => {
  if (request.is(FORM_TYPE) === false) {
    refuse(response, 415, "REQUEST_UNSUPPORTED_TYPE", `Expected ${FORM_TYPE}`);
  } else next();
};

function formParser(): express.RequestHandler {
  return express.urlencoded({
    extended: false,
    inflate: false,
    limit: BODY_MAXIMUM,
    parameterLimit: PARAMETERS_MAXIMUM,
    verify: (request, _response, body) => {
      (request as unknown as RawRequest).rawBody = body.toString("utf8");
    },
  });
}

function requireSignature(options: TelephonyRoutesOptions): express.RequestHandler {
  const { keys, log, counters, insecure = false } = options;
  return (request, response, next) => {
    if (insecure) return next();
    const verdict = checkRequest(keys(), {
      originalUrl: request.originalUrl,
      signature: request.get("x-twilio-signature"),
      params: formOf(request),
      rawBody: (request as RawRequest).rawBody,
    });
    if (verdict.valid) return next();
    counters.add("webhook.bad_signature");
    log.warn(
      {
        code: "REQUEST_BAD_SIGNATURE",
        reason: verdict.reason,
        urlChecked: verdict.checkedUrls[0]?.slice(0, 500),
        urlSeen: `${request.protocol}://${request.get("host") ?? ""}${request.originalUrl}`.slice(0, 500),
        forwardedProto: request.get("x-forwarded-proto")?.slice(0, 100),
        forwardedHost: request.get("x-forwarded-host")?.slice(0, 300),
      },
      "webhook refused: the signature does not match; is the public URL the one that the carrier was given?",
    );
    refuse(response, 403, "REQUEST_BAD_SIGNATURE", "The signature is missing or wrong");
  };
}

/** Turns what the body parser throws into our codes. */
function refuseBody({ log, counters }: TelephonyRoutesOptions): express.ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) return next(error);
    const status = typeof error?.status === "number" ? error.status : 500;
    const code: ErrorCode =
      status === 413
        ? "REQUEST_TOO_LARGE"
        : status === 415
          ? "REQUEST_UNSUPPORTED_TYPE"
          : "REQUEST_MALFORMED";
    counters.add(`webhook.refused.${status}`);
    log.warn({ code, error: messageOf(error) }, "webhook body refused");
    refuse(response, status, code, "The body could not be read");
  };
}

function refuse(response: express.Response, status: number, code: ErrorCode, message: string): void {
  response.status(status).json({ code, message });
}

function formOf(request: express.Request): Form {
  return (request.body as Form | undefined) ?? {};
}

/** A field that came once and is of a sane length, else null. */
function textOf(form: Form, name: string): string | null {
  const value = form[name];
  return typeof value === "string" && value.length > 0 && value.length <= 256 ? value : null;
}

/** A field that is an identifier or a keyword of the carrier. */
function idOf(form: Form, name: string): string | null {
  const value = textOf(form, name);
  return value !== null && /^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : null;
}

/** The URL is under the signature, so the count is ours. */
function recoveryOf(request: express.Request): number {
  const value = request.query[RECOVERY_PARAMETER];
  return typeof value === "string" && /^\d{1,4}$/.test(value) ? Number(value) : 0;
}
