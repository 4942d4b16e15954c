/**
 * One Whisper session: a batch of utterances in, texts out. Blocks its thread; lives in a worker.
 */
import type { InferenceSession } from "onnxruntime-node";
import { type BatchRules, CPU_RULES, widthOf } from "./batch-rules.ts";
import { type Biases, createBiases, NEVER } from "./bias.ts";
import { CPU, type Device, expectModelFor } from "./device.ts";
import { continueFrom, type Draft, draftWindow, forcedTokens, NO_DRAFT, positionsToKeep } from "./draft.ts";
import { contextOf, type GraphInputs, type Output, type PaddedAudio, padded, runGraph } from "./graph.ts";
import { openGraph } from "./graph-session.ts";
import { HintCompiler } from "./hint-inputs.ts";
import { NO_HINTS } from "./hints.ts";
import type { Retry } from "./ladder.ts";
import { AUTO_LANGUAGE, startTokens } from "./language.ts";
import { readWhisperMetadata, type WhisperMetadata } from "./metadata.ts";
import { draftOf, Readout } from "./readout.ts";
import type { TimedWord } from "./timing.ts";
import { loadTokenizer, type TextDecoderOfTokens } from "./tokenizer.ts";
import { ANSWER_SAMPLES, maximumTokens, PAD_SAMPLES, POSITION_SAMPLES, windowSamples } from "./window.ts";

export interface WhisperOptions {
  modelPath: string;
  tokenizerPath: string;
  /** Threads of one inference, >= 1. */
  threads: number;
  /**
   * Whether threads wait for each other busily within an inference. A quarter faster for one session that has the
   * cores to itself; several sessions on few cores would steal them from each other.
   */
  spin: boolean;
  /** Default: processor cores. */
  device?: Device;
  /** How it works with batches; default as on processor cores. */
  rules?: Pick<BatchRules, "stepped" | "keepsStates">;
}

/** One utterance: 16 kHz mono in [-1, 1], 0.1 to 30 s. */
export interface UtteranceAudio {
  pcm16k: Float32Array;
  /** What `whisperLanguage` returned: a code of the model, or `auto`. */
  language: string;
  /** What is likely to be said, as `asHints` returned it. Default: nothing is known. */
  hints?: readonly string[];
}

/** How a batch is searched. */
export interface Search {
  /** Beam width, 1 to 5; 1 is greedy search. */
  beam: number;
  /** Silence behind the speech that the encoder sees, samples; default `PAD_SAMPLES`. */
  padSamples?: number;
  /** Tokens at most; by default as many as so much audio can have. */
  limit?: number;
  /** Whether words are timed. Default false. */
  align?: boolean;
  /** Whether `recogniseAgain` may follow: recognitions then have a draft of the whole. Default false. */
  keep?: boolean;
}

export interface Recognition {
  text: string;
  tokens: number[];
  /** Log-probabilities of the tokens, <= 0. */
  logprobs: number[];
  /** Of an utterance that is not finished: the probability that a word was said, of each word of the text. */
  confidences?: number[];
  /** Timed words; none unless they were asked for. */
  words: TimedWord[];
  /** Mean log-probability of the tokens, end-of-text included; <= 0. */
  logprob: number;
  /** Log-probability of the least likely one; <= 0. */
  lowestLogprob: number;
  /** Probability that there is no speech, 0..1. */
  noSpeech: number;
  /** Whisper's code; the detected one when `auto` was asked for. */
  language: string;
  /** What was tried after the first search, see `ladder.ts`. */
  retries: readonly Retry[];
  /** Wall-clock milliseconds of the inference that this utterance was part of. */
  decodeMs: number;
  /** What the next partial of the utterance may go on from, or with `keep` another search of it. */
  draft?: Draft;
}

/** An utterance that is not finished. */
export interface OpenAudio extends UtteranceAudio {
  /** Samples from `continueFrom(draft)` on. */
  pcm16k: Float32Array;
  draft: Draft;
}

/** A session and what it needs to turn samples into text. */
export class Whisper {
  readonly metadata: WhisperMetadata;
  readonly #session: InferenceSession;
  readonly #readout: Readout;
  readonly #biases: Biases;
  readonly #hints: HintCompiler;
  readonly #rules: Pick<BatchRules, "stepped" | "keepsStates">;

  private constructor(
    metadata: WhisperMetadata,
    session: InferenceSession,
    tokenizer: TextDecoderOfTokens,
    rules: Pick<BatchRules, "stepped" | "keepsStates">,
  ) {
    this.#rules = rules;
    this.metadata = metadata;
    this.#session = session;
    this.#readout = new Readout(metadata, tokenizer);
    this.#biases = createBiases(metadata);
    this.#hints = new HintCompiler(tokenizer.encode, this.#biases);
  }

  /** @throws {LinescribeError} `MODEL_MISSING`, `MODEL_ALTERED`, `MODEL_WRONG_DEVICE`, `CARD_FAILED` or `ASR_OUT_OF_MEMORY`. */
  static async load(options: WhisperOptions): Promise<Whisper> {
    const { modelPath, tokenizerPath, threads, spin, device = CPU, rules = CPU_RULES } = options;
    const metadata = await readWhisperMetadata(modelPath);
    expectModelFor(device.kind, metadata, modelPath);
    const tokenizer = loadTokenizer(tokenizerPath);
    const silence = { pcm16k: new Float32Array(PAD_SAMPLES), language: "en" };
    const session = await openGraph({ modelPath, device, threads, spin }, (opened) =>
      new Whisper(metadata, opened, tokenizer, rules).recognise([silence], { beam: 1, limit: 1 }),
    );
    return new Whisper(metadata, session, tokenizer, rules);
  }

  /**
   * Recognises utterances in one inference. All must have the same language, because they share a prompt, and the same
   * hints, because they share a search.
   *
   * @returns One recognition per utterance, in order.
   * @throws {RangeError} when an utterance is longer than 30 s.
   */
  async recognise(utterances: readonly UtteranceAudio[], search: Search): Promise<Recognition[]> {
    const startedAt = performance.now();
    const asked = (utterances[0] as UtteranceAudio).language;
    if (utterances.some(({ language }) => language !== asked)) {
      throw new RangeError("Expected the utterances of a batch to have one language");
    }
    if (new Set(utterances.map(({ hints = NO_HINTS }) => hints.join("\n"))).size > 1) {
      throw new RangeError("Expected the utterances of a batch to have one list of hints");
    }
    if (asked !== AUTO_LANGUAGE) return this.#decode(utterances, asked, search, startedAt);
    const languages = await this.#detect(utterances);
    // Rows that turned out to speak the same language share an inference.
    const results: Recognition[] = new Array(utterances.length);
    for (const language of new Set(languages)) {
      const rows = [...languages.keys()].filter((row) => languages[row] === language);
      const group = rows.map((row) => utterances[row] as UtteranceAudio);
      const recognitions = await this.#decode(group, language, search, startedAt);
      for (const [index, row] of rows.entries()) results[row] = recognitions[index] as Recognition;
    }
    return results;
  }

  /** The language token with the highest score behind the start token, per row. */
  async #detect(utterances: readonly UtteranceAudio[]): Promise<string[]> {
    const { language } = this.#biases;
    const biases = { every: language, first: language, answer: language };
    const { feeds } = this.#hints.compile(NO_HINTS);
    const audio = this.#audio(utterances, PAD_SAMPLES);
    const prompts = utterances.map(() => [this.metadata.tokens.startOfTranscript]);
    const { tokens } = await this.#run({ audio, prompts, beam: 1, limit: 1, hints: { feeds, biases } });
    const codes = new Map(Object.entries(this.metadata.languages).map(([code, token]) => [token, code]));
    const width = tokens.length / utterances.length;
    return utterances.map((_, row) => codes.get(Number(tokens[row * width])) ?? "en");
  }

  async #decode(
    utterances: readonly UtteranceAudio[],
    language: string,
    { beam, padSamples = PAD_SAMPLES, align = false, keep = false, limit }: Search,
    startedAt: number,
  ): Promise<Recognition[]> {
    const longest = Math.max(...utterances.map(({ pcm16k }) => pcm16k.length));
    const prompt = startTokens(this.metadata, language);
    const prompts = utterances.map(() => prompt);
    const hints = this.#hints.compile(utterances[0]?.hints ?? NO_HINTS);
    const audio = this.#audio(utterances, padSamples);
    const drafts = keep ? utterances.map(() => NO_DRAFT) : undefined;
    const output = await this.#run({
      audio,
      prompts,
      beam,
      limit: limit ?? maximumTokens(longest),
      align,
      hints,
      answers: utterances.map(({ pcm16k }) => pcm16k.length <= ANSWER_SAMPLES),
      drafts,
    });
    const recognitions = this.#readout.recognitions(output, utterances, language, startedAt);
    if (!keep) return recognitions;
    return recognitions.map((recognition, row) => {
      // Something must be left to encode: the last block, which is silence.
      const positions = (audio.windows[row] as number) / POSITION_SAMPLES - this.metadata.tailPool;
      return { ...recognition, draft: draftOf(output, row, NO_DRAFT, positions, recognition) };
    });
  }

  /**
   * Recognises utterances as far as they were spoken, in one inference, greedily: only what is new in them is encoded
   * and decoded. All must have the same language, not `auto`, and the same hints.
   *
   * @returns One recognition per utterance, in order, each with the draft for the next time.
   */
  async recogniseOpen(utterances: readonly OpenAudio[]): Promise<Recognition[]> {
    const startedAt = performance.now();
    const forced = utterances.map(({ draft }) => forcedTokens(draft));
    const output = await this.#goOn(utterances, forced, { beam: 1 });
    const { language } = utterances[0] as OpenAudio;
    const recognitions = this.#readout.recognitions(output, utterances, language, startedAt, forced);
    return recognitions.map((recognition, row) => {
      const { draft, pcm16k } = utterances[row] as OpenAudio;
      const positions = this.#rules.keepsStates
        ? positionsToKeep(continueFrom(draft) + pcm16k.length, this.metadata.tailPool)
        : 0;
      const confidences = this.#readout.confidences(recognition, language);
      return { ...recognition, confidences, draft: draftOf(output, row, draft, positions, recognition) };
    });
  }

  /** Searches an utterance another time without encoding it again: `draft` is what its first search kept. */
  async recogniseAgain(utterance: UtteranceAudio, draft: Draft, search: Search): Promise<Recognition> {
    const startedAt = performance.now();
    const open = { ...utterance, pcm16k: utterance.pcm16k.slice(continueFrom(draft)), draft };
    const output = await this.#goOn([open], [[]], search);
    const [recognition] = this.#readout.recognitions(output, [utterance], utterance.language, startedAt);
    return recognition as Recognition;
  }

  async #goOn(
    utterances: readonly OpenAudio[],
    forced: readonly number[][],
    { beam, align = false }: Search,
  ): Promise<Output> {
    const { tailPool } = this.metadata;
    const drafts = utterances.map(({ draft }) => draft);
    const contextSamples = contextOf(drafts) * POSITION_SAMPLES;
    const lengths = utterances.map(({ pcm16k, draft }) => continueFrom(draft) + pcm16k.length);
    const windows = utterances.map(
      ({ draft }, row) => draftWindow(draft, lengths[row] as number, tailPool) + contextSamples,
    );
    // A row that begins here has silence for a context.
    const leads = drafts.map(({ positions }) => (positions > 0 ? 0 : contextSamples));
    const limit = Math.max(
      ...lengths.map((samples, row) => maximumTokens(samples) - (forced[row] as number[]).length),
    );
    const [{ language, hints = NO_HINTS }] = utterances as [OpenAudio];
    const start = startTokens(this.metadata, language);
    const prompts = forced.map((tokens) => [...start, ...tokens]);
    const audio = padded(utterances, windows, this.#widthOf(windows), leads);
    return this.#run({
      audio,
      prompts,
      beam,
      align,
      limit,
      hints: this.#hints.compile(hints),
      answers: lengths.map((samples, row) => samples <= ANSWER_SAMPLES && forced[row]?.length === 0),
      drafts: this.#rules.keepsStates ? drafts : undefined,
    });
  }

  #run(inputs: GraphInputs): Promise<Output> {
    return runGraph(this.#session, this.metadata, inputs);
  }

  #audio(utterances: readonly UtteranceAudio[], padSamples: number): PaddedAudio {
    const { tailPool } = this.metadata;
    const windows = utterances.map(({ pcm16k }) => windowSamples(pcm16k.length, tailPool, padSamples));
    return padded(utterances, windows, this.#widthOf(windows));
  }

  #widthOf(windows: readonly number[]): number {
    return widthOf(Math.max(...windows), this.#rules);
  }

  /**
   * Runs an inference of so many rows of so many samples to its last possible token: none is larger of this shape.
   *
   * @returns How many tokens each row has.
   */
  async exercise(rows: number, samples: number, beam: number): Promise<number> {
    const { feeds, biases } = this.#hints.compile(NO_HINTS);
    const endless = (bias: Float32Array): Float32Array => bias.with(this.metadata.tokens.endOfText, NEVER);
    const windows = new Array<number>(rows).fill(samples);
    const prompt = startTokens(this.metadata, Object.keys(this.metadata.languages)[0] ?? "en");
    const { tokens } = await this.#run({
      audio: { pcm: new Float32Array(rows * samples), width: samples, windows },
      prompts: windows.map(() => prompt),
      beam,
      limit: maximumTokens(samples),
      align: true,
      hints: {
        feeds,
        biases: { every: endless(biases.every), first: endless(biases.first), answer: biases.answer },
      },
    });
    return tokens.length / rows;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
