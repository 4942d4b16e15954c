/**
 * What a request to `/v1/listen` asks for, live or of a file, by its query.
 */
import { AUTO_LANGUAGE } from "../asr/language.ts";
import { STREAM_RATES_HZ, type StreamRateHz } from "../audio/rate-converter.ts";
import { ApiError, badOption } from "../http/api-error.ts";
import { hintsOf } from "./hints.ts";
import { Query } from "./query.ts";

export interface SharedOptions {
  /** What the recogniser's `language` returned: a code of the model, or `auto`. */
  language: string;
  /** The language is to be told of, because nobody said which it is. */
  detectLanguage: boolean;
  /** Text as it is written; otherwise lower case without punctuation. */
  punctuated: boolean;
  multichannel: boolean;
  /** Of `keyterm` and `keywords`, as `asHints` returned them. */
  hints: readonly string[];
  tags: readonly string[];
  extra: Readonly<Record<string, string>>;
  callback: { url: string; method: "POST" | "PUT" } | null;
  /** The options as they were given, without hints, which may be names of people, and without the callback's secrets. */
  given: Record<string, string>;
}

/** Audio without a container. */
export interface RawFormat {
  encoding: "s16" | "float32" | "mulaw" | "alaw";
  sampleRateHz: StreamRateHz;
  /** Interleaved, 1 to 8. */
  channels: number;
}

export interface LiveOptions extends SharedOptions {
  /** Null: the audio has a container that says what it is. */
  format: RawFormat | null;
  interimResults: boolean;
  /** Silence that ends what was said, ms; `default`: ours; null: silence ends nothing. */
  endpointing: number | "default" | null;
  /** Null: no `UtteranceEnd`. */
  utteranceEndMs: number | null;
  vadEvents: boolean;
}

export interface FileOptions extends SharedOptions {
  /** Null: the file says what it is. */
  format: RawFormat | null;
  paragraphs: boolean;
  utterances: boolean;
  /** Pause between two utterances, ms. */
  uttSplitMs: number;
}

export interface ReadOptions {
  /** See `Recogniser.language`. */
  language(tag: string): string | null;
}

/** Deepgram's names of what can be read without a container. */
const RAW_ENCODINGS: Readonly<Record<string, RawFormat["encoding"]>> = {
  linear16: "s16",
  linear32: "float32",
  mulaw: "mulaw",
  alaw: "alaw",
};
/** Encodings that come in containers, which are recognised by their first bytes; only files may be such. */
const CONTAINED = new Set(["flac", "opus", "ogg-opus"]);

const MAXIMUM_CHANNELS = 8;
const MAXIMUM_TAGS = 50;
const MAXIMUM_TAG_CHARACTERS = 128;
const MAXIMUM_EXTRA_CHARACTERS = 2048;
/** The longest silence that the endpointer waits for, ms. */
const MAXIMUM_ENDPOINTING_MS = 10_000;
const UTTERANCE_END_MS = { minimum: 1000, maximum: 5000 };
const DEFAULT_UTT_SPLIT_S = 0.8;
/** Not kept with a session. */
const SECRET = new Set(["keyterm", "keywords", "callback"]);

/**
 * @param url - Of the request.
 * @throws {ApiError} 400, naming the option; 503 is not among them.
 */
export function readLiveOptions(url: string, options: ReadOptions): LiveOptions {
  const query = new Query(url, "live");
  const interimResults = query.flag("interim_results");
  return {
    ...shared(query, options),
    format: formatOf(query, false),
    interimResults,
    endpointing: endpointingOf(query),
    utteranceEndMs: utteranceEndOf(query, interimResults),
    vadEvents: query.flag("vad_events"),
  };
}

/**
 * @param url - Of the request.
 * @throws {ApiError} 400, naming the option.
 */
export function readFileOptions(url: string, options: ReadOptions): FileOptions {
  const query = new Query(url, "files");
  const paragraphs = query.flag("paragraphs");
  const common = shared(query, options);
  return {
    ...common,
    // Paragraphs are made of sentences, and sentences of punctuation.
    punctuated: common.punctuated || paragraphs,
    format: formatOf(query, true),
    paragraphs,
    utterances: query.flag("utterances"),
    uttSplitMs: Math.round(1000 * (query.number("utt_split", 0, 60) ?? DEFAULT_UTT_SPLIT_S)),
  };
}

function shared(query: Query, options: ReadOptions): SharedOptions {
  return {
    ...languageOf(query, options),
    punctuated: [query.flag("punctuate"), query.flag("smart_format")].includes(true),
    multichannel: query.flag("multichannel"),
    hints: hintsOf(query),
    tags: tagsOf(query),
    extra: extraOf(query),
    callback: callbackOf(query),
    given: query.given(SECRET),
  };
}

function languageOf(query: Query, options: ReadOptions): Pick<SharedOptions, "language" | "detectLanguage"> {
  const detect = query.all("detect_language").map((value) => value.toLowerCase());
  if (detect.length > 1 || (detect[0] !== undefined && !["true", "false"].includes(detect[0]))) {
    throw badOption("detect_language", 'Expected "detect_language" to be true or false: of all languages');
  }
  const tag = query.one("language") ?? "en";
  const detectLanguage = detect[0] === "true" || ["multi", AUTO_LANGUAGE].includes(tag.toLowerCase());
  const language = options.language(detectLanguage ? AUTO_LANGUAGE : tag);
  if (language !== null) return { language, detectLanguage };
  throw badOption("language", "The model does not know this language");
}

function formatOf(query: Query, isFile: boolean): RawFormat | null {
  const name = query.one("encoding")?.toLowerCase() ?? null;
  const channels = query.whole("channels", 1, MAXIMUM_CHANNELS) ?? 1;
  // As theirs: it has a meaning with an encoding only.
  if (name === null || (isFile && CONTAINED.has(name))) return null;
  const encoding = Object.hasOwn(RAW_ENCODINGS, name) ? RAW_ENCODINGS[name] : undefined;
  if (encoding === undefined) {
    throw badOption("encoding", `Expected "encoding" to be one of ${Object.keys(RAW_ENCODINGS).join(", ")}`);
  }
  const rate = query.one("sample_rate");
  const sampleRateHz = STREAM_RATES_HZ.find((hz) => String(hz) === rate);
  if (sampleRateHz !== undefined) return { encoding, sampleRateHz, channels };
  const rates = STREAM_RATES_HZ.join(", ");
  throw badOption("sample_rate", `Expected "sample_rate", which goes with "encoding", to be one of ${rates}`);
}

function endpointingOf(query: Query): LiveOptions["endpointing"] {
  const text = query.one("endpointing")?.toLowerCase() ?? "true";
  if (text === "true") return "default";
  return text === "false" ? null : query.whole("endpointing", 0, MAXIMUM_ENDPOINTING_MS);
}

function utteranceEndOf(query: Query, interimResults: boolean): number | null {
  if (query.one("utterance_end_ms")?.toLowerCase() === "false") return null;
  const { minimum, maximum } = UTTERANCE_END_MS;
  const ms = query.whole("utterance_end_ms", minimum, maximum);
  if (ms === null || interimResults) return ms;
  throw badOption("utterance_end_ms", '"utterance_end_ms" needs "interim_results" to be true');
}

function tagsOf(query: Query): readonly string[] {
  const tags = query.all("tag");
  if (tags.length <= MAXIMUM_TAGS && tags.every((tag) => tag.length <= MAXIMUM_TAG_CHARACTERS)) return tags;
  throw badOption(
    "tag",
    `Expected at most ${MAXIMUM_TAGS} of "tag", of ${MAXIMUM_TAG_CHARACTERS} characters each`,
  );
}

function extraOf(query: Query): Record<string, string> {
  const pairs = query.all("extra").map((text) => {
    const colon = text.indexOf(":");
    if (colon > 0 && text.length <= MAXIMUM_EXTRA_CHARACTERS) {
      return [text.slice(0, colon), text.slice(colon + 1)] as const;
    }
    throw badOption(
      "extra",
      `Expected "extra" to be key:value, of at most ${MAXIMUM_EXTRA_CHARACTERS} characters`,
    );
  });
  return Object.fromEntries(pairs);
}

function callbackOf(query: Query): SharedOptions["callback"] {
  const method = (query.one("callback_method") ?? "POST").toUpperCase();
  if (method !== "POST" && method !== "PUT") {
    throw badOption("callback_method", 'Expected "callback_method" to be POST or PUT');
  }
  const url = query.one("callback");
  if (url === null) return null;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return { url, method };
  throw new ApiError(400, "FETCH_BAD_URL", 'Expected "callback" to be an http or https URL', {
    param: "callback",
  });
}
