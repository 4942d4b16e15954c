/**
 * The open utterance of one track while it is spoken: what can be shown of it, and its speculative final.
 *
 * | the speaker             | does                                                                     |
 * |-------------------------|--------------------------------------------------------------------------|
 * | speaks                  | asks for a partial now and then, as often as the machine has time for it |
 * | pauses                  | has the utterance recognised as if it ended here (speculation), shows it |
 * | pauses for `endpointMs` | shows it as an endpoint                                                  |
 * | speaks on               | drops the speculation                                                    |
 * | stays silent            | the speculation is the final: the endpointer ends the utterance there    |
 */
import type { PartialText, RecognisedText, RecognitionJob, TextRecogniser } from "./ports.ts";
import { StableText } from "./stable-text.ts";

/** An utterance that goes on, as the listener sees it. */
export interface OpenUtterance {
  /** Media time of the call, ms. */
  startMs: number;
  endMs: number;
  /** Time since the last speech, ms. */
  pauseMs: number;
  /** Media time of the call up to which the track was heard, ms. */
  heardMs: number;
  /** Its samples from start to end, 16 kHz mono; a copy. */
  audio: () => Float32Array;
}

export interface SketchOptions {
  /** Takes turns with others in the recogniser. */
  source: string;
  /** A code of the model, or `auto`. */
  language: string;
  /** Audio that an utterance keeps after its last speech: after a pause of this length its end is known, ms. */
  hangoverPadMs: number;
  /** Audio that it has before its first speech, ms. */
  prefixPadMs: number;
  /** Silence after which what was said is shown as complete, ms. */
  endpointMs: number;
  recogniser: TextRecogniser;
  /** Absent: nobody wants partials, and none are made. */
  onPartial?: ((partial: PartialText) => void) | undefined;
}

/** Speech before the first partial: less is too little to hear words in. */
const FIRST_PARTIAL_MS = 300;

/** The utterance recognised as if it ended in the present pause. */
interface Speculation {
  job: RecognitionJob;
  endMs: number;
  result: RecognisedText | null;
  /** What was shown of it. */
  shown: "nothing" | "text" | "endpoint";
  text: ShownText | null;
}

type ShownText = Pick<PartialText, "text" | "stable">;

export class Sketch {
  readonly #options: SketchOptions;
  readonly #startMs: number;
  readonly #stable = new StableText();
  #speculation: Speculation | null = null;
  #partial: RecognitionJob | null = null;
  /** What the next partial goes on from. */
  #draft: RecognisedText["draft"];
  /** Media time of the newest partial that was asked for. */
  #askedMs: number;
  #closed = false;

  constructor(options: SketchOptions, { startMs }: Pick<OpenUtterance, "startMs">) {
    this.#options = options;
    this.#startMs = startMs;
    this.#askedMs = startMs + options.prefixPadMs + FIRST_PARTIAL_MS;
  }

  get startMs(): number {
    return this.#startMs;
  }

  /** The utterance has gone on. */
  update(open: OpenUtterance): void {
    if (open.pauseMs >= this.#options.hangoverPadMs) this.#paused(open);
    else this.#speaking(open);
  }

  /**
   * The utterance has ended.
   *
   * @returns The recognition that is under way or done for exactly this audio, now as a final; null when there is none.
   */
  close(ended: { startMs: number; endMs: number }): RecognitionJob | null {
    this.#closed = true;
    this.#dropPartial();
    const speculation = this.#speculation;
    if (speculation?.endMs === ended.endMs && this.#startMs === ended.startMs) {
      speculation.job.promote();
      return speculation.job;
    }
    this.#dropSpeculation();
    return null;
  }

  #speaking(open: OpenUtterance): void {
    this.#dropSpeculation();
    const { onPartial, recogniser, source, language } = this.#options;
    if (!onPartial || this.#partial || open.heardMs < this.#askedMs) return;
    const intervalMs = recogniser.partialIntervalMs;
    if (intervalMs === null) return;
    this.#askedMs = open.heardMs + intervalMs;
    const job = recogniser.submit({
      pcm16k: open.audio(),
      language,
      priority: "partial",
      source,
      draft: this.#draft,
    });
    this.#partial = job;
    const { endMs } = open;
    void answered(job, (result) => {
      if (this.#partial !== job) return;
      this.#partial = null;
      this.#draft = result?.draft ?? this.#draft;
      if (result) this.#show(this.#stable.push(unended(result.text)), endMs, false);
    });
  }

  #paused(open: OpenUtterance): void {
    this.#dropPartial();
    this.#speculation ??= this.#speculate(open);
    this.#showSpeculation(this.#speculation, open.pauseMs);
  }

  #speculate({ audio, endMs }: OpenUtterance): Speculation {
    const { recogniser, source, language } = this.#options;
    const job = recogniser.submit({ pcm16k: audio(), language, priority: "speculative", source });
    const speculation: Speculation = { job, endMs, result: null, shown: "nothing", text: null };
    void answered(job, (result) => {
      if (this.#speculation !== speculation || this.#closed) return;
      // Refused or lost: the final is recognised on its own, when it is due.
      if (result === null) this.#speculation = null;
      else {
        speculation.result = result;
        this.#showSpeculation(speculation, 0);
      }
    });
    return speculation;
  }

  #showSpeculation(speculation: Speculation, pauseMs: number): void {
    const { result, shown, endMs } = speculation;
    const isEndpoint = pauseMs >= this.#options.endpointMs;
    if (result === null || shown === "endpoint" || (shown === "text" && !isEndpoint)) return;
    speculation.shown = isEndpoint ? "endpoint" : "text";
    // Shown twice, it is still one hypothesis: it does not agree with itself.
    speculation.text ??= this.#stable.push(result.text);
    this.#show(speculation.text, endMs, isEndpoint);
  }

  #show({ text, stable }: ShownText, endMs: number, endpoint: boolean): void {
    if (this.#closed) return;
    this.#options.onPartial?.({ startMs: this.#startMs, endMs, text, stable, endpoint });
  }

  #dropPartial(): void {
    this.#partial?.drop();
    this.#partial = null;
  }

  #dropSpeculation(): void {
    this.#speculation?.job.drop();
    this.#speculation = null;
  }
}

/** Whisper ends every fragment as a sentence; one that goes on has not ended. */
function unended(text: string): string {
  return text.replace(/[.…!?。！？؟।]+$/u, "");
}

/** Hands on the answer of a job that may fail: then there is none, and who needs it asks again. */
async function answered(job: RecognitionJob, use: (result: RecognisedText | null) => void): Promise<void> {
  use(await job.answer.catch(() => null));
}
