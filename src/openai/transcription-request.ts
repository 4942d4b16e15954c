/**
 * What a form asks for: every field is honoured, or refused by name.
 */
import { asHints, MAXIMUM_HINT_CHARACTERS, MAXIMUM_HINTS } from "../asr/hints.ts";
import { ApiError, badOption } from "../http/api-error.ts";
import type { Form } from "./form.ts";

export const RESPONSE_FORMATS = ["json", "text", "srt", "vtt", "verbose_json"] as const;
export type ResponseFormat = (typeof RESPONSE_FORMATS)[number];

export interface TranscriptionRequest {
  file: Uint8Array;
  /** What the recogniser's `language` returned. */
  language: string;
  hints: readonly string[];
  format: ResponseFormat;
  /** What `verbose_json` has. */
  granularities: ReadonlySet<"segment" | "word">;
  stream: boolean;
}

export interface RequestOptions {
  /** Names that the model answers to. */
  models: readonly string[];
  /** See `Recogniser.language`. */
  language(tag: string): string | null;
}

/** OpenAI's name for its Whisper: whoever asks for it gets ours. */
export const WHISPER_ALIAS = "whisper-1";

type Fields = Map<string, string[]>;

/** Fields that we know, how often each may come, and what is done with it. */
const KNOWN = new Set([
  "model",
  "language",
  "prompt",
  "keywords",
  "response_format",
  "temperature",
  "timestamp_granularities",
  "stream",
  "chunking_strategy",
]);
const LISTS = new Set(["timestamp_granularities", "keywords"]);

/** @throws {ApiError} naming the field: `REQUEST_MALFORMED`, `REQUEST_UNSUPPORTED_OPTION` or `REQUEST_UNKNOWN_MODEL`. */
export function readTranscriptionRequest(form: Form, options: RequestOptions): TranscriptionRequest {
  const fields = collect(form);
  checkModel(one(fields, "model"), options.models);
  checkTemperature(one(fields, "temperature"));
  checkChunking(one(fields, "chunking_strategy"));
  const format = formatOf(one(fields, "response_format"));
  const stream = streamOf(one(fields, "stream"), format);
  const granularities = granularitiesOf(fields.get("timestamp_granularities"), format);
  const language = languageOf(one(fields, "language"), options);
  const hints = hintsOf(one(fields, "prompt"), fields.get("keywords") ?? []);
  if (form.file === null) throw missing("file");
  if (form.file.length === 0) {
    throw new ApiError(400, "REQUEST_MALFORMED", "The file is empty", { param: "file" });
  }
  return { file: form.file, language, hints, format, granularities, stream };
}

/** Fields by name, `name[]` as `name`. */
function collect({ fields }: Form): Fields {
  const byName: Fields = new Map();
  for (const [written, value] of fields) {
    const name = written.replace(/\[\]$/, "");
    if (!KNOWN.has(name) || (written !== name && !LISTS.has(name))) {
      throw badOption(written, `The option "${written}" is not supported`);
    }
    const values = byName.get(name) ?? [];
    if (values.length > 0 && !LISTS.has(name)) throw badOption(name, `Expected "${name}" once`);
    byName.set(name, [...values, value]);
  }
  return byName;
}

/** An empty field is one that was left out. */
function one(fields: Fields, name: string): string | null {
  return fields.get(name)?.[0] || null;
}

function missing(param: string): ApiError {
  return new ApiError(400, "REQUEST_MALFORMED", `The field "${param}" is required`, { param });
}

function checkModel(model: string | null, models: readonly string[]): void {
  if (model === null) throw missing("model");
  if (model === WHISPER_ALIAS || models.includes(model)) return;
  const known = [...models, WHISPER_ALIAS].map((name) => `"${name}"`).join(", ");
  throw new ApiError(404, "REQUEST_UNKNOWN_MODEL", `Expected one of the models ${known}`, { param: "model" });
}

/** Ours are searched, not sampled. */
function checkTemperature(text: string | null): void {
  if (text === null || Number(text) === 0) return;
  throw badOption("temperature", 'Expected "temperature" to be 0: nothing is sampled here');
}

/** Files are always cut where nobody speaks. */
function checkChunking(text: string | null): void {
  if (text === null || text === "auto") return;
  throw badOption("chunking_strategy", 'Expected "chunking_strategy" to be "auto"');
}

function formatOf(text: string | null): ResponseFormat {
  const format = RESPONSE_FORMATS.find((known) => known === (text ?? "json"));
  if (format !== undefined) return format;
  throw badOption(
    "response_format",
    `Expected "response_format" to be one of ${RESPONSE_FORMATS.join(", ")}`,
  );
}

function streamOf(text: string | null, format: ResponseFormat): boolean {
  if (text === null || text === "false") return false;
  if (text !== "true") throw badOption("stream", 'Expected "stream" to be true or false');
  if (format === "json" || format === "text") return true;
  throw badOption("stream", 'Expected "response_format" to be json or text with "stream"');
}

function granularitiesOf(values: string[] | undefined, format: ResponseFormat): Set<"segment" | "word"> {
  const name = "timestamp_granularities";
  if (values === undefined) return new Set(["segment"]);
  if (format !== "verbose_json")
    throw badOption(name, `"${name}" needs "response_format" to be verbose_json`);
  return new Set(
    values.map((value) => {
      if (value === "segment" || value === "word") return value;
      throw badOption(name, `Expected each of "${name}" to be segment or word`);
    }),
  );
}

function languageOf(tag: string | null, options: RequestOptions): string {
  const language = options.language(tag ?? "auto");
  if (language !== null) return language;
  throw badOption("language", "The model does not know this language");
}

/** Prompts are sentences or lists; a hint is what stands between their commas, lines and ends of sentences. */
const BETWEEN_HINTS = /[,;\n\r\u3001\u3002\uff0c]|[.!?](?=\s|$)/u;

/**
 * What a prompt has to say to us is names and spellings: phrases that are too long for one are left out.
 *
 * @throws {LinescribeError} `ASR_BAD_HINTS` of keywords
 */
function hintsOf(prompt: string | null, keywords: readonly string[]): readonly string[] {
  const phrases = (prompt ?? "").split(BETWEEN_HINTS).map((phrase) => phrase.trim());
  const names = phrases.filter(
    (phrase) => /[\p{L}\p{N}]/u.test(phrase) && phrase.length <= MAXIMUM_HINT_CHARACTERS,
  );
  return asHints([...names.slice(0, MAXIMUM_HINTS - keywords.length), ...keywords]);
}
