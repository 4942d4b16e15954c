/**
 * `linescribe transcribe`: WAV files and recorded calls, without a server.
 */
import { SingleBar } from "cli-progress";
import pc from "picocolors";
import { loadSection } from "../app/config.ts";
import { endpointerOf } from "../app/config-endpointing.ts";
import { type Engine, startEngine } from "../app/engine.ts";
import { createLogger } from "../app/logger.ts";
import { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import { Transcriber } from "../recording/transcriber.ts";
import type { Transcript } from "../recording/transcript.ts";
import { clock, print, printJson } from "./terminal.ts";
import { printable } from "./terminal-text.ts";
import { loadRecording } from "./transcribe/recording.ts";

export interface TranscribeOptions {
  json?: boolean;
  vad: boolean;
  language?: string;
  config?: string;
}

/** What numbers have when they name no language. */
const DEFAULT_LANGUAGE = "en";

/**
 * Prints the transcript of each file. Exit code 1 when one failed; the others are transcribed nevertheless.
 *
 * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_ALTERED` or `CONFIG_INVALID`: then no file can be transcribed.
 */
export async function transcribe(files: readonly string[], options: TranscribeOptions): Promise<void> {
  const session = new Session(options);
  try {
    for (const file of files) {
      const recording = await attempt(file, () => loadRecording(file));
      if (recording === null) continue;
      // Not before there is something to recognise: it takes seconds.
      await session.start();
      const language = session.language(options.language ?? recording.language ?? DEFAULT_LANGUAGE);
      const bar = new Bar(file);
      const transcript = await attempt(file, () =>
        session.transcriber.transcribe(recording, { language, onProgress: (share) => bar.update(share) }),
      ).finally(() => bar.stop());
      if (transcript) show(file, transcript, { ...options, heading: files.length > 1 });
    }
  } finally {
    await session.close();
  }
}

/** Null, with the error told and the exit code set, when this one file cannot be done. */
async function attempt<T>(file: string, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LinescribeError)) throw error;
    console.error(`${error.code}: ${file}: ${messageOf(error)}`);
    process.exitCode = 1;
    return null;
  }
}

class Session {
  readonly #options: TranscribeOptions;
  readonly #logger = createLogger("warn", process.stderr);
  readonly #counters = new Counters();
  #engine: Engine | null = null;
  #transcriber: Transcriber | null = null;

  constructor(options: TranscribeOptions) {
    this.#options = options;
  }

  get transcriber(): Transcriber {
    if (this.#transcriber === null) throw new TypeError("Expected the session to be started");
    return this.#transcriber;
  }

  async start(): Promise<void> {
    if (this.#engine) return;
    const sources = { file: this.#options.config };
    const faults: string[] = [];
    const endpointer = endpointerOf(loadSection("vad", sources), faults);
    if (faults.length > 0) throw new LinescribeError("CONFIG_INVALID", faults.join("\n"));
    const [logger, counters] = [this.#logger, this.#counters];
    const [asr, models] = [loadSection("asr", sources), loadSection("models", sources)];
    this.#engine = await startEngine({ asr, models, logger, counters });
    const { detector, recogniser } = this.#engine;
    this.#transcriber = new Transcriber({
      detector,
      recogniser,
      priority: "final",
      endpointer: this.#options.vad ? endpointer : null,
      logger,
      counters,
    });
  }

  /** @throws {LinescribeError} CONFIG_INVALID when the model does not know it. */
  language(tag: string): string {
    const language = this.#engine?.recogniser.language(tag) ?? null;
    if (language !== null) return language;
    throw new LinescribeError("CONFIG_INVALID", `The model does not know the language "${tag}"`);
  }

  async close(): Promise<void> {
    await this.#engine?.close();
  }
}

function show(
  file: string,
  transcript: Transcript,
  { json, heading }: { json?: boolean; heading: boolean },
): void {
  const { language, text, utterances, failed } = transcript;
  for (const { track, startMs, endMs } of failed) {
    console.error(
      `ASR_WORKER_LOST: ${file}: ${track} ${clock(startMs)} to ${clock(endMs)} was not recognised`,
    );
    process.exitCode = 1;
  }
  if (json) {
    printJson({
      file,
      language,
      text,
      utterances: utterances.map(({ track, startMs, endMs, text, confidence, words }) => {
        return { track, startMs, endMs, text, confidence, words };
      }),
    });
    return;
  }
  if (heading) print(pc.bold(file));
  const twoTracks = new Set(utterances.map(({ track }) => track)).size > 1;
  for (const { track, startMs, text: said } of utterances) {
    print(`${pc.dim(clock(startMs))}  ${twoTracks ? `${track.padEnd(8)}  ` : ""}${printable(said)}`);
  }
  if (heading) print("");
}

/** How much of a file is done; on a terminal only, and on stderr. */
class Bar {
  readonly #bar: SingleBar | null;

  constructor(file: string) {
    this.#bar = process.stderr.isTTY
      ? new SingleBar({
          format: `{bar} {percentage} % ${file}`,
          stream: process.stderr,
          clearOnComplete: true,
        })
      : null;
    this.#bar?.start(100, 0);
  }

  update(share: number): void {
    this.#bar?.update(Math.round(share * 100));
  }

  stop(): void {
    this.#bar?.stop();
  }
}
