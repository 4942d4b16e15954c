/**
 * `POST /v1/audio/transcriptions` as OpenAI has it: a file in, its transcript out.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import express from "express";
import type { Access, Admitted } from "../access/access.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { MODEL_RATE_HZ, samplesToMs } from "../base/time.ts";
import type { Samples } from "../recording/recording.ts";
import { ApiError, asApiError, RETRY_AFTER_SECONDS } from "./api-error.ts";
import { ClientGone, Exchange } from "./exchange.ts";
import { readForm } from "./form.ts";
import { Places } from "./places.ts";
import type { FileDecoder, FileTranscriber } from "./port.ts";
import { type AnsweredRecording, answerOf } from "./transcription-answer.ts";
import { readTranscriptionRequest, type TranscriptionRequest } from "./transcription-request.ts";
import { DEFAULT_UPLOAD_LIMITS, type UploadLimits, watchUpload } from "./upload.ts";

export const TRANSCRIPTIONS_PATH = "/v1/audio/transcriptions";

export interface TranscriptionsOptions {
  access: Pick<Access, "admit">;
  decoder: FileDecoder;
  transcriber: FileTranscriber;
  /** Names that the model answers to, besides `whisper-1`. */
  models: readonly string[];
  /** See `Recogniser.language`. */
  language(tag: string): string | null;
  /** Requests worked on at once; one more is refused with `REQUEST_OVERLOADED`. */
  maximumRequests: number;
  maximumFileBytes: number;
  upload?: Partial<UploadLimits>;
  logger: Logger;
  /** Receives `api.transcriptions.added|refused|answered|abandoned|failed.<code>`. */
  counters: Counters;
}

export class Transcriptions {
  readonly router: express.Router = express.Router();
  readonly #options: TranscriptionsOptions;
  readonly #places: Places;
  readonly #upload: UploadLimits;
  readonly #live = new Set<Exchange>();
  #draining = false;

  constructor(options: TranscriptionsOptions) {
    this.#options = options;
    this.#places = new Places("api.transcriptions", options.maximumRequests, options.counters);
    this.#upload = { ...DEFAULT_UPLOAD_LIMITS, ...options.upload };
    this.router.post(TRANSCRIPTIONS_PATH, (request, response) => this.#handle(request, response));
  }

  /** No new requests from now on. */
  drain(): void {
    this.#draining = true;
  }

  /** Gives up what is under way. */
  close(): void {
    this.#draining = true;
    for (const exchange of this.#live) exchange.end(draining());
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { counters, logger } = this.#options;
    const exchange = new Exchange(request, response);
    const log = logger.child({ requestId: exchange.id });
    this.#live.add(exchange);
    try {
      await this.#work(exchange, log);
      counters.add("api.transcriptions.answered");
    } catch (error) {
      if (error instanceof ClientGone) {
        counters.add("api.transcriptions.abandoned");
        log.info({}, "transcription abandoned by its client");
        return;
      }
      const refusal = asApiError(error);
      counters.add(`api.transcriptions.failed.${refusal.code}`);
      const { code, status, param } = refusal;
      if (status >= 500) log.error({ code, status, reason: messageOf(error) }, "transcription failed");
      else log.info({ code, status, param }, "transcription refused");
      exchange.refuse(refusal);
    } finally {
      this.#live.delete(exchange);
    }
  }

  async #work(exchange: Exchange, log: Logger): Promise<void> {
    if (this.#draining) throw draining();
    const admission = await this.#options.access.admit(exchange.request, { scope: "transcribe" });
    if (!admission.ok) {
      const { status, code, message, retryAfterSeconds } = admission;
      throw new ApiError(status, code, message, { retryAfterSeconds });
    }
    const leave = this.#places.take();
    const { maximumSessionMs, signal } = admission;
    const ended = (): void => exchange.end(accessEnded(signal.reason));
    signal.addEventListener("abort", ended, { once: true });
    const deadline = setTimeout(() => exchange.end(tooSlow(maximumSessionMs)), maximumSessionMs);
    try {
      if (leave === null) throw overloaded();
      await this.#transcribe(exchange, admission, log);
    } finally {
      clearTimeout(deadline);
      signal.removeEventListener("abort", ended);
      leave?.();
      admission.release();
    }
  }

  async #transcribe(exchange: Exchange, { keyId }: Admitted, log: Logger): Promise<void> {
    const startedAt = performance.now();
    const asked = await this.#read(exchange);
    const bytes = asked.file.length;
    const recording = asked.stream
      ? await this.#streamed(asked, exchange)
      : await this.#whole(asked, exchange);
    const tookMs = Math.round(performance.now() - startedAt);
    log.info({ keyId, bytes, durationMs: recording.durationMs, tookMs }, "file transcribed");
  }

  async #read({ request, signal }: Exchange): Promise<TranscriptionRequest> {
    const { maximumFileBytes } = this.#options;
    const upload = watchUpload(request, this.#upload);
    try {
      const form = await readForm(request, { maximumFileBytes }, AbortSignal.any([signal, upload.signal]));
      return readTranscriptionRequest(form, this.#options);
    } finally {
      upload.done();
    }
  }

  async #whole(asked: TranscriptionRequest, exchange: Exchange): Promise<AnsweredRecording> {
    const waiting = asked.format.endsWith("json") ? exchange.waitInJson() : null;
    try {
      const sound = await this.#decode(asked, exchange);
      const recording = await this.#recognise(asked, sound, exchange);
      exchange.signal.throwIfAborted();
      const answer = answerOf(asked, recording);
      exchange.send(answer.type, answer.body);
      return recording;
    } finally {
      waiting?.done();
    }
  }

  async #streamed(asked: TranscriptionRequest, exchange: Exchange): Promise<AnsweredRecording> {
    // Before the first event, so that a faulty file has its status.
    const sound = await this.#decode(asked, exchange);
    const events = exchange.stream();
    const recording = await this.#recognise(asked, sound, exchange, (text) => events.delta(text));
    exchange.signal.throwIfAborted();
    events.done();
    return recording;
  }

  #decode({ file }: TranscriptionRequest, { signal }: Exchange): Promise<Samples> {
    return this.#options.decoder.decode(file, { signal });
  }

  async #recognise(
    asked: TranscriptionRequest,
    sound: Samples,
    { id, signal }: Exchange,
    onText: (text: string) => void = () => {},
  ): Promise<AnsweredRecording> {
    const { transcriber } = this.#options;
    const durationMs = samplesToMs(sound.length, MODEL_RATE_HZ);
    const transcript = await transcriber.transcribe(
      { durationMs, tracks: [{ track: "inbound", packets: null, pcm16k: () => sound }] },
      {
        language: asked.language,
        hints: asked.hints,
        source: id,
        signal,
        onUtterance: ({ text }) => onText(text),
      },
    );
    // Half a transcript would look like a whole one.
    if (transcript.failure) throw transcript.failure;
    return { transcript, durationMs };
  }
}

function draining(): ApiError {
  return new ApiError(503, "SERVER_DRAINING", "The server is shutting down", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

function overloaded(): ApiError {
  return new ApiError(503, "REQUEST_OVERLOADED", "As many files are transcribed as may be at once", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

/** The key was revoked, or expired, while its request was under way. */
function accessEnded(reason: unknown): ApiError {
  const code = reason instanceof LinescribeError ? reason.code : "ACCESS_KEY_UNKNOWN";
  return new ApiError(401, code, messageOf(reason));
}

function tooSlow(maximumMs: number): ApiError {
  return new ApiError(408, "REQUEST_TIMEOUT", `The request took more than ${maximumMs} ms`);
}
