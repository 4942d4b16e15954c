/**
 * One Whisper session: a batch of utterances in, texts out. Blocks its thread; lives in a worker.
 */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type Biases, createBiases } from "./bias.ts";
import type { Retry } from "./ladder.ts";
import { AUTO_LANGUAGE, startTokens } from "./language.ts";
import { readWhisperMetadata, type WhisperMetadata } from "./metadata.ts";
import { type Output, rowOf } from "./output.ts";
import { type TimedWord, timeWords } from "./timing.ts";
import { loadTokenizer, type TextDecoderOfTokens } from "./tokenizer.ts";
import { maximumTokens, PAD_SAMPLES, windowSamples } from "./window.ts";

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
}

/** One utterance: 16 kHz mono in [-1, 1], 0.1 to 30 s. */
export interface UtteranceAudio {
  pcm16k: Float32Array;
  /** What `whisperLanguage` returned: a code of the model, or `auto`. */
  language: string;
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
}

export interface Recognition {
  text: string;
  tokens: number[];
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
}

/** Prompts are padded to a multiple of this. */
const PROMPT_MULTIPLE = 4;

/** A session and what it needs to turn samples into text. */
export class Whisper {
  readonly metadata: WhisperMetadata;
  readonly #session: InferenceSession;
  readonly #tokenizer: TextDecoderOfTokens;
  readonly #biases: Biases;
  readonly #withoutHints: Record<string, Tensor>;

  private constructor(metadata: WhisperMetadata, session: InferenceSession, tokenizer: TextDecoderOfTokens) {
    this.metadata = metadata;
    this.#session = session;
    this.#tokenizer = tokenizer;
    this.#biases = createBiases(metadata);
    this.#withoutHints = withoutHints(metadata.vocabulary);
  }

  /** @throws {LinescribeError} `MODEL_MISSING` or `MODEL_ALTERED`. */
  static async load({ modelPath, tokenizerPath, threads, spin }: WhisperOptions): Promise<Whisper> {
    const metadata = await readWhisperMetadata(modelPath);
    const tokenizer = loadTokenizer(tokenizerPath);
    const session = await InferenceSession.create(modelPath, {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
      // Between inferences nobody spins: the sockets have the core then.
      extra: { session: { intra_op: { allow_spinning: spin ? "1" : "0" }, force_spinning_stop: "1" } },
    });
    return new Whisper(metadata, session, tokenizer);
  }

  /**
   * Recognises utterances in one inference. All must have the same language, because they share a prompt.
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
    const bias = { every: this.#biases.language, first: this.#biases.language };
    const audio = this.#audio(utterances, PAD_SAMPLES);
    const prompt = [this.metadata.tokens.startOfTranscript];
    const { tokens } = await this.#run(audio, prompt, { beam: 1, limit: 1, align: false }, bias);
    const codes = new Map(Object.entries(this.metadata.languages).map(([code, token]) => [token, code]));
    const width = tokens.length / utterances.length;
    return utterances.map((_, row) => codes.get(Number(tokens[row * width])) ?? "en");
  }

  async #decode(
    utterances: readonly UtteranceAudio[],
    language: string,
    { beam, padSamples = PAD_SAMPLES, align = false, limit }: Search,
    startedAt: number,
  ): Promise<Recognition[]> {
    const longest = Math.max(...utterances.map(({ pcm16k }) => pcm16k.length));
    const search = { beam, align, limit: limit ?? maximumTokens(longest) };
    const prompt = startTokens(this.metadata, language);
    const output = await this.#run(this.#audio(utterances, padSamples), prompt, search, this.#biases);
    const decodeMs = performance.now() - startedAt;
    return utterances.map(({ pcm16k }, row) => {
      const { tokens, logprobs, attention } = rowOf(output, row, utterances.length);
      const end = tokens.indexOf(this.metadata.tokens.endOfText);
      const spoken = end < 0 ? tokens : tokens.slice(0, end);
      const scored = logprobs.subarray(0, spoken.length + 1);
      const words = attention
        ? timeWords(this.#tokenizer.words(spoken, language), { attention, logprobs: scored, pcm16k })
        : [];
      return {
        text: this.#tokenizer.decode(spoken),
        tokens: spoken,
        words,
        logprob: Math.min(0, mean(scored)),
        lowestLogprob: Math.min(0, ...scored),
        noSpeech: output.noSpeech[row] as number,
        language,
        retries: [],
        decodeMs,
      };
    });
  }

  #audio(utterances: readonly UtteranceAudio[], padSamples: number): Audio {
    const windows = utterances.map(({ pcm16k }) =>
      windowSamples(pcm16k.length, this.metadata.tailPool, padSamples),
    );
    const width = Math.max(...windows);
    const pcm = new Float32Array(utterances.length * width);
    for (const [row, { pcm16k }] of utterances.entries()) pcm.set(pcm16k, row * width);
    return { pcm, width, windows };
  }

  async #run(
    { pcm, width, windows }: Audio,
    prompt: number[],
    { beam, limit, align }: Required<Omit<Search, "padSamples">>,
    bias: Pick<Biases, "every" | "first">,
  ): Promise<Output> {
    const int64 = (values: number[], dims: number[]) =>
      new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
    const { vocabulary, tailPool, tailBlocks, tokens } = this.metadata;
    const rows = windows.length;
    // Padded on the left, to a multiple that keeps a row's sums grouped as they are when it is alone (models/README.md).
    const padding = (PROMPT_MULTIPLE - (prompt.length % PROMPT_MULTIPLE)) % PROMPT_MULTIPLE;
    const padded = [...new Array<number>(padding).fill(tokens.endOfText), ...prompt];
    const outputs = await this.#session.run({
      pcm: new Tensor("float32", pcm, [rows, width]),
      samples: int64(windows, [rows]),
      prompt: int64(
        windows.flatMap(() => padded),
        [rows, padded.length],
      ),
      prompt_start: int64(new Array<number>(rows).fill(padding), [rows]),
      beam: int64([beam], []),
      max_tokens: int64([limit], []),
      bias: new Tensor("float32", bias.every, [1, vocabulary]),
      bias_first: new Tensor("float32", bias.first, [1, vocabulary]),
      ...(tailPool > 0 ? { tail_blocks: int64([tailBlocks], [1]) } : {}),
      align: new Tensor("bool", [align], []),
      ...this.#withoutHints,
    });
    return {
      tokens: (outputs.tokens as Tensor).data as BigInt64Array,
      logprobs: (outputs.logprobs as Tensor).data as Float32Array,
      noSpeech: (outputs.no_speech as Tensor).data as Float32Array,
      alignment: align ? (outputs.alignment as Tensor) : null,
    };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** A padded batch. pcm: [rows, width]; windows: samples of each row that the encoder sees. */
interface Audio {
  pcm: Float32Array;
  width: number;
  windows: number[];
}

/** The trie of no hints: a root without children. */
function withoutHints(vocabulary: number): Record<string, Tensor> {
  return {
    hint_tokens: new Tensor("int64", BigInt64Array.of(-1n), [1, 1]),
    hint_bonus: new Tensor("float32", Float32Array.of(0), [1, 1]),
    hint_next: new Tensor("int64", BigInt64Array.of(0n), [1, 1]),
    hint_debt: new Tensor("float32", Float32Array.of(0), [1]),
    hint_root: new Tensor("int64", new BigInt64Array(vocabulary), [vocabulary]),
  };
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
