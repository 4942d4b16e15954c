/**
 * `POST /v1/listen` as Deepgram has it: a file, or where it is, in; its transcript out, or to a URL of the caller later.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import express from "express";
import type { Access } from "../access/access.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { MODEL_RATE_HZ, samplesToMs } from "../base/time.ts";
import type { Fetcher } from "../fetch/fetcher.ts";
import { ApiError, asApiError } from "../http/api-error.ts";
import { RequestDesk, type Visit } from "../http/desk.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Places } from "../http/places.ts";
import { DEFAULT_UPLOAD_LIMITS, type UploadLimits } from "../http/upload.ts";
import { kindOf } from "../media/kind.ts";
import { rawAsWav } from "../media/raw.ts";
import { transcribeChannels } from "../recording/channels.ts";
import type { ChannelDecoder, FileTranscriber } from "../recording/port.ts";
import type { Samples } from "../recording/recording.ts";
import { answerPreflight, shareAnswer } from "./cross-origin.ts";
import { describeError } from "./error.ts";
import { fileAnswerOf } from "./file-answer.ts";
import { bytesOf, type FileSource, readSource } from "./file-source.ts";
import { LISTEN_PATH } from "./live-socket.ts";
import { modelFacts } from "./model.ts";
import { type FileOptions, readFileOptions } from "./options.ts";
import { OTHER_PATH, otherVersion } from "./other-version.ts";

/** Where results go that a caller wants at a URL; `delivery/` has it. */
export interface ResultCallbacks {
  /** @throws {LinescribeError} FETCH_BAD_URL, FETCH_FORBIDDEN_ADDRESS */
  check(url: string): void;
  /**
   * Keeps a place for a result; durable when this returns.
   *
   * @param callback - Its body is what is sent should there be no result.
   * @throws {LinescribeError} DELIVERY_OVERLOADED, STORE_FULL, STORE_FAILED
   */
  promise(callback: {
    requestId: string;
    keyId: string | null;
    url: string;
    method: "POST" | "PUT";
    body: string;
  }): {
    /**
     * Resolves when the result is durable, however long the store takes nothing.
     *
     * @throws {LinescribeError} DELIVERY_TOO_LARGE; STORE_FULL, STORE_FAILED when the server stops meanwhile
     */
    fulfil(body: string): Promise<void>;
  };
}

export interface ListenFilesOptions {
  access: Pick<Access, "admit" | "allowsOrigin">;
  decoder: ChannelDecoder;
  transcriber: FileTranscriber;
  fetcher: Pick<Fetcher, "check" | "open">;
  callbacks: ResultCallbacks;
  /** In the manifest. */
  model: string;
  /** See `Recogniser.language`. */
  language(tag: string): string | null;
  /** Requests worked on at once; one more is refused with `REQUEST_OVERLOADED`. */
  maximumRequests: number;
  /** Places that are shared with other APIs. */
  places?: Places;
  maximumFileBytes: number;
  upload?: Partial<UploadLimits>;
  /** Epoch ms. */
  now?: () => number;
  logger: Logger;
  /** Receives `api.listen.added|refused|answered|abandoned|failed.<code>`. */
  counters: Counters;
}

export class ListenFiles {
  readonly router: express.Router = express.Router();
  readonly #options: ListenFilesOptions;
  readonly #desk: RequestDesk;
  readonly #upload: UploadLimits;
  /** Requests that are being answered, or whose callback waits for its result. */
  readonly #open = new Set<Promise<void>>();

  constructor(options: ListenFilesOptions) {
    this.#options = options;
    this.#desk = new RequestDesk({
      ...options,
      name: "api.listen",
      scope: "transcribe",
      describe: describeError,
    });
    this.#upload = { ...DEFAULT_UPLOAD_LIMITS, ...options.upload };
    const allowsOrigin = (request: Pick<IncomingMessage, "headers">) => options.access.allowsOrigin(request);
    this.router.options(LISTEN_PATH, (request, response) => answerPreflight(request, response, allowsOrigin));
    this.router.post(LISTEN_PATH, (request, response) => {
      shareAnswer(request, response, allowsOrigin);
      return this.#serve(request, response);
    });
    this.router.all(OTHER_PATH, (_request, response) => answerOther(response));
  }

  /** No new requests from now on. */
  drain(): void {
    this.#desk.drain();
  }

  /** Gives up what is under way; resolves when its callers are told, or will be by their callbacks. */
  async close(): Promise<void> {
    this.#desk.close();
    await Promise.all(this.#open);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const served = this.#desk.serve(request, response, (visit) => this.#listen(visit));
    this.#open.add(served);
    await served;
    this.#open.delete(served);
  }

  async #listen({ exchange, admission, log }: Visit): Promise<void> {
    const { callbacks, language } = this.#options;
    const { request, response, id, signal } = exchange;
    response.setHeader("dg-request-id", id);
    const options = readFileOptions(request.url ?? "", { language });
    if (options.callback) callbacks.check(options.callback.url);
    const source = await readSource(request, this.#source, signal);
    const work = () => this.#transcribe(source, options, exchange, log.child({ keyId: admission.keyId }));
    if (options.callback) await this.#later(options.callback, exchange, admission.keyId, work);
    else await answerNow(exchange, work);
  }

  get #source() {
    const { fetcher, maximumFileBytes } = this.#options;
    return { fetcher, maximumFileBytes, upload: this.#upload };
  }

  /** Answers that there will be a result, which whatever happens there is. */
  async #later(
    { url, method }: NonNullable<FileOptions["callback"]>,
    exchange: Exchange,
    keyId: string | null,
    work: () => Promise<object>,
  ): Promise<void> {
    const { id: requestId } = exchange;
    const errorOf = (error: unknown): string =>
      JSON.stringify(describeError(asApiError(error), requestId).body);
    const body = errorOf(lost());
    const promised = this.#options.callbacks.promise({ requestId, keyId, url, method, body });
    exchange.send("application/json", JSON.stringify({ request_id: requestId }));
    const tell = async (error: unknown): Promise<never> => {
      await promised.fulfil(errorOf(error));
      throw error;
    };
    const answer = await work().catch(tell);
    // A store that fails is no reason to tell of a fault instead: the transcript is there.
    await promised.fulfil(JSON.stringify(answer)).catch((error) => {
      if (isTooLarge(error)) return tell(error);
      throw error;
    });
  }

  async #transcribe(
    source: FileSource,
    options: FileOptions,
    { id, signal }: Exchange,
    log: Logger,
  ): Promise<object> {
    const { transcriber, model, now = Date.now } = this.#options;
    const [createdAt, startedAt] = [now(), performance.now()];
    const bytes = await bytesOf(source, this.#source, signal);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const sounds = await this.#decode(bytes, options, signal);
    const { language, hints } = options;
    const transcripts = await transcribeChannels(transcriber, sounds, {
      language,
      hints,
      source: id,
      signal,
    });
    signal.throwIfAborted();
    const samples = Math.max(...sounds.map(({ length }) => length));
    const durationMs = samplesToMs(samples, MODEL_RATE_HZ);
    const tookMs = Math.round(performance.now() - startedAt);
    log.info({ bytes: bytes.length, channels: sounds.length, durationMs, tookMs }, "file transcribed");
    const facts = { requestId: id, sha256, createdAt, durationMs, model: modelFacts(model), transcripts };
    return fileAnswerOf(facts, options);
  }

  async #decode(
    bytes: Uint8Array,
    { format, multichannel }: FileOptions,
    signal: AbortSignal,
  ): Promise<Samples[]> {
    const { decoder } = this.#options;
    // Many send a WAV file and say of its samples what its head says as well.
    const file = format === null || kindOf(bytes) === "wav" ? bytes : rawAsWav(bytes, format);
    return multichannel ? decoder.decodeChannels(file, { signal }) : [await decoder.decode(file, { signal })];
  }
}

/** Answers when the transcript is there, and keeps the client waiting until then. */
async function answerNow(exchange: Exchange, work: () => Promise<object>): Promise<void> {
  const waiting = exchange.waitInJson();
  try {
    const answer = await work();
    exchange.send("application/json", JSON.stringify(answer));
  } finally {
    waiting.done();
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof LinescribeError && error.code === "DELIVERY_TOO_LARGE";
}

/** What a caller hears whose file was being transcribed when the server died. */
function lost(): ApiError {
  const message = "The server was restarted before the file was transcribed; please send it again";
  return new ApiError(503, "SERVER_DRAINING", message);
}

function answerOther(response: ServerResponse): void {
  const { body, headers } = otherVersion();
  response.writeHead(404, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
