/**
 * The open utterance of one track while it is spoken: what can be shown of it, and its speculative final.
 *
 * | the speaker             | does                                                                     |
 * |-------------------------|--------------------------------------------------------------------------|
 * | speaks                  | asks for a partial now and then, as often as the machine has time for it |
 * | pauses                  | has the utterance recognised as if it ended here (speculation), shows it; a busy machine makes a partial first, and speculates as late as the final can wait for it |
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
  /** The pause that would end it, ms. */
  silenceMs: number;
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
  text: ShownText | null;
}

type ShownText = Pick<PartialText, "text" | "stable">;

export class Sketch {
  readonly #options: SketchOptions;
  readonly #startMs: number;
  readonly #stable = new StableText();
  /** How long the speaker has been silent, ms; 0 while that is no pause. */
  #pauseMs = 0;
  #speculation: Speculation | null = null;
  /** End of the utterance in whose pause a speculation was refused: it is not asked for again. */
  #refusedEndMs: number | null = null;
  #partial: RecognitionJob | null = null;
  /** What the next partial goes on from. */
  #draft: RecognisedText["draft"];
  /** The newest partial, and the media time up to which it was heard. */
  #drawn: { endMs: number; text: ShownText } | null = null;
  #shown: PartialText | null = null;
  /** Media time from which on the next partial may be asked for. */
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
    const isPause = open.pauseMs >= this.#options.hangoverPadMs;
    this.#pauseMs = isPause ? open.pauseMs : 0;
    if (isPause) this.#paused(open);
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
    if (open.heardMs >= this.#askedMs) this.#draw(open);
  }

  #paused(open: OpenUtterance): void {
    const headStartMs = this.#options.recogniser.headStartMs(open.endMs - open.startMs);
    const isDue = open.silenceMs - open.pauseMs <= headStartMs && this.#refusedEndMs !== open.endMs;
    if (this.#speculation === null && isDue) {
      this.#dropPartial();
      this.#speculation = this.#speculate(open);
    }
    if (this.#speculation === null && !this.#isDrawn(open.endMs)) this.#draw(open);
    this.#showPause(open.endMs);
  }

  /** Asks for a partial, unless one is under way. */
  #draw(open: OpenUtterance): void {
    const { onPartial, recogniser, source, language } = this.#options;
    if (!onPartial || this.#partial) return;
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
      if (result === null) return;
      this.#draft = result.draft ?? this.#draft;
      const text = this.#pauseMs > 0 ? result.text : unended(result.text);
      this.#drawn = { endMs, text: this.#stable.push(text, result.confidences) };
      this.#show(this.#drawn.text, endMs, false);
    });
  }

  /** Whether the newest partial has heard all speech of an utterance that would end here: the pad behind it is silent. */
  #isDrawn(endMs: number): boolean {
    return this.#drawn !== null && this.#drawn.endMs >= endMs - this.#options.hangoverPadMs / 2;
  }

  #speculate({ audio, endMs }: OpenUtterance): Speculation {
    const { recogniser, source, language } = this.#options;
    const job = recogniser.submit({ pcm16k: audio(), language, priority: "speculative", source });
    const speculation: Speculation = { job, endMs, text: null };
    void answered(job, (result) => {
      if (this.#speculation !== speculation || this.#closed) return;
      // Refused or lost: the final is recognised on its own, when it is due.
      if (result === null) {
        this.#speculation = null;
        this.#refusedEndMs = endMs;
      } else {
        const confidences = result.words.map(({ confidence }) => confidence);
        speculation.text = this.#stable.push(result.text, confidences);
        this.#showPause(endMs);
      }
    });
    return speculation;
  }

  /** Shows the best that is known of an utterance that may end here. */
  #showPause(endMs: number): void {
    const drawn = this.#isDrawn(endMs) ? this.#drawn?.text : null;
    const text = this.#speculation ? this.#speculation.text : drawn;
    const endpoint = this.#pauseMs >= this.#options.endpointMs;
    const before = this.#shown;
    const isNews =
      before?.text !== text?.text || before?.stable !== text?.stable || before?.endpoint !== endpoint;
    if (text && isNews) this.#show(text, endMs, endpoint);
  }

  #show({ text, stable }: ShownText, endMs: number, endpoint: boolean): void {
    if (this.#closed) return;
    this.#shown = { startMs: this.#startMs, endMs, text, stable, endpoint };
    this.#options.onPartial?.(this.#shown);
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
