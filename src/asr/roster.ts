/**
 * Who recognises: cards while one of them is up, processors otherwise.
 *
 * Beside cards one processor worker stands by with its model loaded. It proves at the start that there is something to fall back
 * on, takes what a card has no memory for, and answers the finals of a card that has just been lost. The others are
 * started, and stay, when no card has been up for some seconds.
 */
import type { LinescribeError } from "../base/error.ts";
import { type BatchRules, CARD_RULES, CPU_RULES } from "./batch-rules.ts";
import { Crew, type CrewListener, type CrewOptions } from "./crew.ts";
import type { Device } from "./device.ts";
import { Feeder } from "./feeder.ts";
import type { Job } from "./job.ts";
import type { Portion } from "./portions.ts";
import type { CardPlan, SettledOptions } from "./recogniser-options.ts";
import type { RestartPolicy } from "./restarts.ts";
import type { Schedule } from "./schedule.ts";
import type { WhisperWorkerData } from "./whisper-worker.ts";

/** A thread that could not start is tried again after a second, one that was lost at once. */
const CPU_RESTART: RestartPolicy = { delayMs: () => 1000, steadyMs: 0 };
/** The longest interval at which a lost card is tried, in first intervals; one that is lost sooner than that has failed again. */
const LONGEST_RETRY = 60;
const STANDING_BY = 1;
/** A card comes up again within some seconds, or takes minutes to be given up if it hangs. */
const PATIENCE_MS = 5000;

export interface RosterListener {
  /** A worker is ready for a batch, or none is where one was. */
  changed(): void;
  /** A batch was answered, or some of it. */
  answered(jobs: readonly Job[], portions: readonly Portion[], byCard: boolean): void;
  failed(jobs: readonly Job[], error: LinescribeError, byCard: boolean): void;
  /** Nobody is there, or comes, for these jobs. */
  hopeless(accepts: (job: Job) => boolean, error: LinescribeError): void;
}

export class Roster {
  readonly #options: SettledOptions;
  readonly #schedule: Schedule<Job>;
  readonly #listener: RosterListener;
  readonly #cards: Crew | null;
  readonly #cores: Crew;
  readonly #feeders: { cards: Feeder | null; cores: Feeder };
  /** Whether all have been started who should be: until then no card is up because it is loading. */
  #started = false;
  #patience: NodeJS.Timeout | undefined;

  constructor(options: SettledOptions, schedule: Schedule<Job>, listener: RosterListener) {
    this.#options = options;
    this.#schedule = schedule;
    this.#listener = listener;
    this.#cores = new Crew(coreCrew(options), this.#listenToCores());
    this.#cards = options.cards && new Crew(cardCrew(options, options.cards), this.#listenToCards());
    const again = (): void => listener.changed();
    this.#feeders = {
      cards: this.#cards && new Feeder(schedule, this.#cards, again),
      cores: new Feeder(schedule, this.#cores, again),
    };
  }

  /**
   * Starts everybody who should be there from the start; resolves when they are. Cards that do not start are left out, and
   * tried again, unless the plan needs all.
   *
   * @throws {LinescribeError} what the first one failed with.
   */
  async start(): Promise<void> {
    if (this.#cards) await Promise.all([this.#startCards(this.#cards), this.#cores.start(STANDING_BY)]);
    else await this.#cores.start();
    this.#started = true;
  }

  async #startCards(cards: Crew): Promise<void> {
    // The failure of an only card is told by whoever catches it.
    if (this.#options.cards?.needsAll || cards.threads.length === 1) return cards.start();
    const { logger } = this.#options;
    await cards.startSome((device, { code, message }) => {
      logger.warn({ code, device, reason: message }, "a card did not start, and is tried again");
    });
  }

  /** Whether there are cards, and none of them is up. */
  get fallenBack(): boolean {
    return this.#cards?.up === 0;
  }

  /** How many cards there should be and how many are up; null without cards. */
  get cards(): { planned: number; up: number } | null {
    return this.#cards && { planned: this.#cards.threads.length, up: this.#cards.up };
  }

  /** Rows that the cards which are up do at once; 1 without any. */
  get rowsOfCards(): number {
    return this.#cards ? Math.max(1, this.#cards.up * this.#cards.rules.rows) : 1;
  }

  /** Who does the work now. */
  get serving(): Crew {
    return this.#cards && !this.fallenBack ? this.#cards : this.#cores;
  }

  /** For fault injection in tests. */
  get crews(): readonly Crew[] {
    return this.#cards ? [this.#cards, this.#cores] : [this.#cores];
  }

  /** Gives everybody who is free something to do. */
  feed(): void {
    this.#watchCards();
    this.#feeders.cards?.feed(isForCards);
    const all = this.serving === this.#cores;
    // What stands by has nothing to look for in a queue of thousands, as a rule.
    if (all || this.#schedule.offCards > 0) this.#feeders.cores.feed((job) => all || job.offCards);
  }

  async close(): Promise<void> {
    this.#started = false;
    clearTimeout(this.#patience);
    this.#feeders.cards?.close();
    this.#feeders.cores.close();
    await Promise.all(this.crews.map((crew) => crew.close()));
  }

  /** Starts the other processors when no card has been up for a while. */
  #watchCards(): void {
    if (this.#started && this.fallenBack) {
      const { patienceMs = PATIENCE_MS } = this.#options.cards ?? {};
      this.#patience ??= setTimeout(() => this.#startCores(), patienceMs);
    } else {
      clearTimeout(this.#patience);
      this.#patience = undefined;
    }
  }

  #startCores(): void {
    // Those that do not come up are tried again, and say so.
    this.#cores.start().catch(() => {});
  }

  #listenToCores(): CrewListener {
    return {
      ...this.#listen(false),
      lost: () => {},
      back: () => {},
      gone: (error) => {
        // A card that is only down for its restart will do what it may.
        const all = this.#cards?.gone ?? true;
        this.#listener.hopeless((job) => all || job.offCards, error);
      },
    };
  }

  #listenToCards(): CrewListener {
    const { counters, logger } = this.#options;
    return {
      ...this.#listen(true),
      lost: (device, error) => {
        counters.add("asr.cardsLost");
        const reason = error.message;
        logger.error({ code: "ASR_CARD_LOST", device, reason, ...this.cards }, lossOf(device));
      },
      back: (device) => {
        counters.add("asr.cardsBack");
        logger.warn({ device, ...this.cards }, "the card recognises again");
      },
      gone: () => {
        this.#startCores();
        this.#listener.changed();
      },
    };
  }

  #listen(byCard: boolean): Pick<CrewListener, "free" | "answered" | "failed"> {
    return {
      free: () => this.#listener.changed(),
      answered: (jobs, portions) => this.#listener.answered(jobs, portions, byCard),
      failed: (jobs, error) => this.#listener.failed(jobs, error, byCard),
    };
  }
}

/** What no card has failed over. */
function isForCards({ offCards }: Job): boolean {
  return !offCards;
}

function lossOf(device: Device): string {
  const name = device.kind === "cuda" ? `card ${device.card}` : "the processor in the place of a card";
  return `${name} is lost: recognition goes on without it; if it does not come back, restart the server, and look at nvidia-smi and dmesg`;
}

function coreCrew(options: SettledOptions): CrewOptions {
  const { modelPath, tokenizerPath, workers, threads, niceness } = options;
  const rules: BatchRules = { ...CPU_RULES, ...options.rules };
  const data: WhisperWorkerData = {
    modelPath,
    tokenizerPath,
    threads,
    spin: workers === 1,
    device: { kind: "cpu" },
    rules,
    niceness,
    warmUpBeam: null,
  };
  return {
    ...options,
    workers: [data, ...new Array<WhisperWorkerData>(workers - 1).fill(data)],
    restart: CPU_RESTART,
    spawn: options.spawn,
  };
}

function cardCrew(options: SettledOptions, plan: CardPlan): CrewOptions {
  const { beam, threads, niceness } = options;
  const {
    modelPath,
    tokenizerPath,
    warmUp = true,
    retryMs = 1000,
    timeoutMsPerSecond = 50,
    timeoutMinimumMs = 10_000,
  } = plan;
  const rules: BatchRules = { ...CARD_RULES, ...plan.rules };
  const workers = plan.devices.map((device) => ({
    modelPath,
    tokenizerPath,
    threads: device.kind === "cuda" ? 1 : threads,
    spin: false,
    device,
    rules,
    niceness,
    warmUpBeam: warmUp ? beam : null,
  }));
  return {
    ...options,
    workers: workers as [WhisperWorkerData, ...WhisperWorkerData[]],
    restart: {
      delayMs: (failures) => retryMs * Math.min(LONGEST_RETRY, 2 ** (failures - 1)),
      steadyMs: retryMs * LONGEST_RETRY,
    },
    timeoutMsPerSecond,
    timeoutMinimumMs,
    spawn: options.spawn,
  };
}
