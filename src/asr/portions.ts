/**
 * What an engine is asked for in portions that fit the memory of its device. One that fails is tried in halves, so that
 * what is at fault is found and its neighbours are recognised.
 */
import { messageOf } from "../base/error.ts";
import { type BatchRules, paddedSamples, widthOf } from "./batch-rules.ts";
import { continueFrom, type Draft, draftWindow } from "./draft.ts";
import { faultOf } from "./fault.ts";
import type { OpenAudio, Recognition, Search, UtteranceAudio } from "./whisper.ts";
import { windowSamples } from "./window.ts";

/** What a Whisper session does, see `Whisper`. */
export interface Engine {
  readonly metadata: { readonly tailPool: number };
  recognise(utterances: readonly UtteranceAudio[], search: Search): Promise<Recognition[]>;
  recogniseOpen(utterances: readonly OpenAudio[]): Promise<Recognition[]>;
  recogniseAgain(utterance: UtteranceAudio, draft: Draft, search: Search): Promise<Recognition>;
}

/** What could not be recognised even alone, and why. */
export interface Misfit {
  misfit: string;
}

export type Portion = Recognition | Misfit;

export function isMisfit(portion: Portion): portion is Misfit {
  return "misfit" in portion;
}

type Run<T> = (items: readonly T[]) => Promise<Recognition[]>;

/** After so long without a failure, more is dared: what took the memory may be gone. */
const PATIENCE_MS = 60_000;
/** How much more. A failure costs one inference, so little is lost by asking. */
const DARING = 1.5;

export class Portions {
  readonly #engine: Engine;
  readonly #rules: BatchRules;
  readonly #now: () => number;
  #budget: number;
  #changedAt: number;
  #failures = 0;

  /**
   * @param budgetSamples - What was found to fit when the engine was warmed up.
   * @param now - Monotonic, ms.
   */
  constructor(
    engine: Engine,
    rules: BatchRules,
    budgetSamples = rules.paddedSamples,
    now = (): number => performance.now(),
  ) {
    this.#engine = engine;
    this.#rules = rules;
    this.#budget = budgetSamples;
    this.#now = now;
    this.#changedAt = now();
  }

  /** Samples of one inference at most, padding included; `paddedSamples` of the rules as long as that fits. */
  get budgetSamples(): number {
    return this.#budget;
  }

  /** Inferences that did not fit since this was last asked. */
  takeFailures(): number {
    const failures = this.#failures;
    this.#failures = 0;
    return failures;
  }

  /** See `Whisper.recognise`. */
  recognise(utterances: readonly UtteranceAudio[], search: Search): Promise<Portion[]> {
    const { tailPool } = this.#engine.metadata;
    const windows = utterances.map(({ pcm16k }) => windowSamples(pcm16k.length, tailPool, search.padSamples));
    return this.#inPortions(utterances, windows, (portion) => this.#engine.recognise(portion, search));
  }

  /** See `Whisper.recogniseOpen`. */
  recogniseOpen(utterances: readonly OpenAudio[]): Promise<Portion[]> {
    const { tailPool } = this.#engine.metadata;
    const windows = utterances.map(({ pcm16k, draft }) =>
      draftWindow(draft, continueFrom(draft) + pcm16k.length, tailPool),
    );
    return this.#inPortions(utterances, windows, (portion) => this.#engine.recogniseOpen(portion));
  }

  /** See `Whisper.recogniseAgain`. */
  async recogniseAgain(utterance: UtteranceAudio, draft: Draft, search: Search): Promise<Portion> {
    const window = windowSamples(utterance.pcm16k.length, this.#engine.metadata.tailPool);
    const [portion] = await this.#inPortions([utterance], [window], async () => [
      await this.#engine.recogniseAgain(utterance, draft, search),
    ]);
    return portion as Portion;
  }

  async #inPortions<T>(items: readonly T[], windows: readonly number[], run: Run<T>): Promise<Portion[]> {
    const results = new Array<Portion>(items.length);
    const lengthOf = (row: number): number => windows[row] as number;
    const attempt = async (rows: readonly number[]): Promise<void> => {
      try {
        const found = await run(rows.map((row) => items[row] as T));
        for (const [index, row] of rows.entries()) results[row] = found[index] as Recognition;
        this.#fitted();
      } catch (error) {
        const misfit = messageOf(error);
        const fault = faultOf(misfit);
        // A device that is gone is gone for the halves, too.
        if (fault === "device") throw error;
        const half = Math.ceil(rows.length / 2);
        if (fault === "memory") this.#failed(paddedSamples(rows.slice(0, half).map(lengthOf), this.#rules));
        if (rows.length === 1) results[rows[0] as number] = { misfit };
        else for (const part of [rows.slice(0, half), rows.slice(half)]) await attempt(part);
      }
    };
    // Those of similar length together, the longest first.
    const waiting = [...items.keys()].sort((a, b) => lengthOf(b) - lengthOf(a));
    while (waiting.length > 0)
      await attempt(waiting.splice(0, this.#fitting(lengthOf(waiting[0] as number))));
    return results;
  }

  /** How many rows of this length fit; one at least. */
  #fitting(windowSamples: number): number {
    const rows = Math.floor(this.#budget / widthOf(windowSamples, this.#rules));
    return Math.max(1, Math.min(this.#rules.rows, rows));
  }

  /** The budget becomes half of what did not fit. */
  #failed(halfSamples: number): void {
    this.#failures += 1;
    this.#budget = Math.min(this.#budget, halfSamples);
    this.#changedAt = this.#now();
  }

  #fitted(): void {
    const { paddedSamples: planned } = this.#rules;
    if (this.#budget >= planned || this.#now() - this.#changedAt < PATIENCE_MS) return;
    this.#budget = Math.min(planned, Math.ceil(this.#budget * DARING));
    this.#changedAt = this.#now();
  }
}
