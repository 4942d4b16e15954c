/**
 * `POST /v1/audio/transcriptions` as OpenAI has it: a file in, its transcript out.
 */
import express from "express";
import type { Access } from "../access/access.ts";
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import { MODEL_RATE_HZ, samplesToMs } from "../base/time.ts";
import { RequestDesk, type Visit } from "../http/desk.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Places } from "../http/places.ts";
import { DEFAULT_UPLOAD_LIMITS, type UploadLimits, watchUpload } from "../http/upload.ts";
import type { FileDecoder, FileTranscriber } from "../recording/port.ts";
import type { Samples } from "../recording/recording.ts";
import { describeError } from "./error-body.ts";
import { EventStream } from "./event-stream.ts";
import { readForm } from "./form.ts";
import { type AnsweredRecording, answerOf } from "./transcription-answer.ts";
import { readTranscriptionRequest, type TranscriptionRequest } from "./transcription-request.ts";

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
  /** Places that are shared with other APIs. */
  places?: Places;
  maximumFileBytes: number;
  upload?: Partial<UploadLimits>;
  logger: Logger;
  /** Receives `api.transcriptions.added|refused|answered|abandoned|failed.<code>`. */
  counters: Counters;
}

export class Transcriptions {
  readonly router: express.Router = express.Router();
  readonly #options: TranscriptionsOptions;
  readonly #desk: RequestDesk;
  readonly #upload: UploadLimits;

  constructor(options: TranscriptionsOptions) {
    this.#options = options;
    this.#desk = new RequestDesk({
      ...options,
      name: "api.transcriptions",
      scope: "transcribe",
      describe: describeError,
    });
    this.#upload = { ...DEFAULT_UPLOAD_LIMITS, ...options.upload };
    this.router.post(TRANSCRIPTIONS_PATH, (request, response) =>
      this.#desk.serve(request, response, (visit) => this.#transcribe(visit)),
    );
  }

  /** No new requests from now on. */
  drain(): void {
    this.#desk.drain();
  }

  /** Gives up what is under way. */
  close(): void {
    this.#desk.close();
  }

  async #transcribe({ exchange, admission, log }: Visit): Promise<void> {
    const startedAt = performance.now();
    const asked = await this.#read(exchange);
    const bytes = asked.file.length;
    const recording = asked.stream
      ? await this.#streamed(asked, exchange)
      : await this.#whole(asked, exchange);
    const tookMs = Math.round(performance.now() - startedAt);
    const { keyId } = admission;
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
    const events = new EventStream(exchange);
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
