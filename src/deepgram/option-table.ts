/**
 * Every option of Deepgram's documents and clients, and what becomes of it here; docs/deepgram.md has the same table.
 */

/** The socket, and `POST /v1/listen`. */
export type Surface = "live" | "files";

/**
 * - `honoured`: done as far as its line says.
 * - `accepted`: without effect, because there is nothing that it could change for the worse.
 * - `unsupported`: refused, unless its value is one of `off`.
 */
export type Support = "honoured" | "accepted" | "unsupported";

export interface OptionFacts {
  live: Support;
  files: Support;
  /** May be given more than once. */
  many: boolean;
  /** Values that ask for what is done anyway, in lower case. */
  off: readonly string[];
}

const OFF = ["false"];

function option(live: Support, files: Support, more: Partial<OptionFacts> = {}): OptionFacts {
  return { live, files, many: false, off: OFF, ...more };
}

const MANY = { many: true };
const unsupported = option("unsupported", "unsupported");
const unsupportedList = option("unsupported", "unsupported", MANY);
const ofFiles = option("unsupported", "honoured");
const ofLive = option("honoured", "unsupported");
const both = option("honoured", "honoured");
const list = option("honoured", "honoured", MANY);
const harmless = option("accepted", "accepted");

export const OPTIONS: Readonly<Record<string, OptionFacts>> = Object.freeze({
  // The model is ours, whatever is asked for; `model_info` says which.
  model: harmless,
  version: harmless,
  tier: harmless,
  mip_opt_out: harmless,
  // Nothing is held back for formatting.
  no_delay: harmless,
  // Whisper writes numbers as digits by itself.
  numerals: harmless,

  encoding: both,
  sample_rate: both,
  channels: both,
  multichannel: both,

  language: both,
  detect_language: option("honoured", "honoured", MANY),
  punctuate: both,
  smart_format: both,
  keyterm: list,
  keywords: list,
  tag: list,
  extra: list,
  callback: both,
  callback_method: both,

  interim_results: ofLive,
  endpointing: ofLive,
  utterance_end_ms: ofLive,
  vad_events: ofLive,

  paragraphs: ofFiles,
  utterances: ofFiles,
  utt_split: ofFiles,
  alternatives: option("unsupported", "unsupported", { off: ["1"] }),

  custom_intent: unsupportedList,
  custom_intent_mode: unsupported,
  custom_topic: unsupportedList,
  custom_topic_mode: unsupported,
  detect_entities: unsupported,
  detect_topics: unsupported,
  diarize: unsupported,
  diarize_model: unsupported,
  diarize_version: unsupported,
  dictation: unsupported,
  filler_words: unsupported,
  intents: unsupported,
  measurements: unsupported,
  profanity_filter: unsupported,
  redact: unsupportedList,
  replace: unsupportedList,
  search: unsupportedList,
  sentiment: unsupported,
  summarize: unsupported,
  topics: unsupported,
});
