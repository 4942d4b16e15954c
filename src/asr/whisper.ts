/**
 * One Whisper session: a batch of utterances in, texts out. Blocks its thread; lives in a worker.
 */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type Biases, createBiases } from "./bias.ts";
import { AUTO_LANGUAGE, startTokens } from "./language.ts";
import { readWhisperMetadata, type WhisperMetadata } from "./metadata.ts";
import { loadTokenizer, type TextDecoderOfTokens } from "./tokenizer.ts";
import { maximumTokens, windowSamples } from "./window.ts";

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

export interface Recognition {
  text: string;
  tokens: number[];
  /** Mean log-probability of the tokens, end-of-text included; <= 0. */
  logprob: number;
  /** Probability that there is no speech, 0..1. */
  noSpeech: number;
  /** Whisper's code; the detected one when `auto` was asked for. */
  language: string;
  /** Wall-clock milliseconds of the inference that this utterance was part of. */
  decodeMs: number;
}

/** A session and what it needs to turn samples into text. */
export class Whisper {
  readonly metadata: WhisperMetadata;
  readonly #session: InferenceSession;
  readonly #tokenizer: TextDecoderOfTokens;
  readonly #biases: Biases;

  private constructor(metadata: WhisperMetadata, session: InferenceSession, tokenizer: TextDecoderOfTokens) {
    this.metadata = metadata;
    this.#session = session;
    this.#tokenizer = tokenizer;
    this.#biases = createBiases(metadata);
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
   * @param beam - Beam width, 1 to 5.
   * @param limit - Tokens at most; by default as many as so much audio can have.
   * @returns One recognition per utterance, in order.
   * @throws {RangeError} when an utterance is longer than 30 s.
   */
  async recognise(
    utterances: readonly UtteranceAudio[],
    beam: number,
    limit = Math.max(...utterances.map(({ pcm16k }) => maximumTokens(pcm16k.length))),
  ): Promise<Recognition[]> {
    const startedAt = performance.now();
    const asked = (utterances[0] as UtteranceAudio).language;
    if (utterances.some(({ language }) => language !== asked)) {
      throw new RangeError("Expected the utterances of a batch to have one language");
    }
    const audio = this.#audio(utterances);
    if (asked !== AUTO_LANGUAGE) return this.#decode(utterances, audio, asked, { beam, limit }, startedAt);
    const languages = await this.#detect(audio, utterances.length);
    // Rows that turned out to speak the same language share an inference.
    const results: Recognition[] = new Array(utterances.length);
    for (const language of new Set(languages)) {
      const rows = [...languages.keys()].filter((row) => languages[row] === language);
      const group = rows.map((row) => utterances[row] as UtteranceAudio);
      const recognitions = await this.#decode(
        group,
        this.#audio(group),
        language,
        { beam, limit },
        startedAt,
      );
      for (const [index, row] of rows.entries()) results[row] = recognitions[index] as Recognition;
    }
    return results;
  }

  /** The language token with the highest score behind the start token, per row. */
  async #detect(audio: Audio, rows: number): Promise<string[]> {
    const { tokens } = await this.#run(audio, rows, [this.metadata.tokens.startOfTranscript], 1, 1, {
      every: this.#biases.language,
      first: this.#biases.language,
    });
    const codes = new Map(Object.entries(this.metadata.languages).map(([code, token]) => [token, code]));
    const width = tokens.length / rows;
    return Array.from({ length: rows }, (_, row) => codes.get(Number(tokens[row * width])) ?? "en");
  }

  async #decode(
    utterances: readonly UtteranceAudio[],
    audio: Audio,
    language: string,
    { beam, limit }: { beam: number; limit: number },
    startedAt: number,
  ): Promise<Recognition[]> {
    const prompt = startTokens(this.metadata, language);
    const rows = utterances.length;
    const { tokens, logprobs, noSpeech } = await this.#run(audio, rows, prompt, beam, limit, this.#biases);
    const decodeMs = performance.now() - startedAt;
    const width = tokens.length / rows;
    return utterances.map((_, row) => {
      const ids = Array.from(tokens.subarray(row * width, (row + 1) * width), Number);
      const end = ids.indexOf(this.metadata.tokens.endOfText);
      const spoken = end < 0 ? ids : ids.slice(0, end);
      const scored = Math.min(spoken.length + 1, width);
      const sum = logprobs
        .subarray(row * width, row * width + scored)
        .reduce((total, value) => total + value, 0);
      return {
        text: this.#tokenizer.decode(spoken),
        tokens: spoken,
        logprob: Math.min(0, sum / scored),
        noSpeech: noSpeech[row] as number,
        language,
        decodeMs,
      };
    });
  }

  #audio(utterances: readonly UtteranceAudio[]): Audio {
    const windows = utterances.map(({ pcm16k }) => windowSamples(pcm16k.length, this.metadata.tailPool));
    const width = Math.max(...windows);
    const pcm = new Float32Array(utterances.length * width);
    for (const [row, { pcm16k }] of utterances.entries()) pcm.set(pcm16k, row * width);
    return { pcm, width, windows };
  }

  async #run(
    { pcm, width, windows }: Audio,
    rows: number,
    prompt: number[],
    beam: number,
    maximum: number,
    bias: { every: Float32Array; first: Float32Array },
  ): Promise<{ tokens: BigInt64Array; logprobs: Float32Array; noSpeech: Float32Array }> {
    const int64 = (values: number[], dims: number[]) =>
      new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
    const { vocabulary, tailPool, tailBlocks } = this.metadata;
    const outputs = await this.#session.run({
      pcm: new Tensor("float32", pcm, [rows, width]),
      samples: int64(windows, [rows]),
      prompt: int64(
        windows.flatMap(() => prompt),
        [rows, prompt.length],
      ),
      beam: int64([beam], []),
      max_tokens: int64([maximum], []),
      bias: new Tensor("float32", bias.every, [1, vocabulary]),
      bias_first: new Tensor("float32", bias.first, [1, vocabulary]),
      ...(tailPool > 0 ? { tail_blocks: int64([tailBlocks], [1]) } : {}),
    });
    return {
      tokens: (outputs.tokens as Tensor).data as BigInt64Array,
      logprobs: (outputs.logprobs as Tensor).data as Float32Array,
      noSpeech: (outputs.no_speech as Tensor).data as Float32Array,
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
