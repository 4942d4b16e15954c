/**
 * Calls at once without sockets: sound goes in real time into speech detection, and what the recogniser makes of it comes
 * out of the scribes of the calls, all as in the server. What is left out is the carrier's side, the store and delivery.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../../src/app/config.ts";
import type { Engine } from "../../src/app/engine.ts";
import { decodeMulaw } from "../../src/audio/g711.ts";
import { s16ToF32 } from "../../src/audio/sample.ts";
import { Upsampler } from "../../src/audio/upsampler.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";
import { TrackScribe } from "../../src/call/scribe.ts";
import { TrackListener } from "../../src/call/track-listener.ts";
import type { Clip } from "../corpus.ts";
import { type Alone, aloneOf, type Delays, delaysOf, heardWords, type PlayedCall } from "../held.ts";
import { differentCalls, type PlannedCall, planCall } from "../planned-call.ts";
import { STAGGER_MS } from "../socket-calls.ts";
import { coveredDelays } from "./covered.ts";
import { Feeder } from "./feeder.ts";
import { type CardUse, watchCard } from "./nvidia-smi.ts";
import type { Load } from "./options.ts";
import type { Place } from "./place.ts";

export interface EngineCallsOptions {
  engine: Pick<Engine, "detector" | "recogniser">;
  /** Those of the engine. */
  counters: Pick<Counters, "get">;
  /** How utterances end. */
  config: Pick<Config, "endpointer" | "endpointMs">;
  clips: readonly Clip[];
  callMs: number;
  /** The model's weights are random: what is said says nothing. */
  wordless: boolean;
  /** The card that works; null: none. */
  card: Place["card"];
}

export interface EngineOutcome extends Delays {
  seconds: number;
  /** Cores that this process kept busy, everything included. */
  cores: number;
  /** Share of the time in which the main thread worked, 0..1. */
  mainBusy: number;
  loopP99Ms: number;
  rssMb: number;
  card: CardUse | null;
}

/** A call and its sound at 16 kHz. */
interface Prepared extends PlannedCall {
  pcm16k: Float32Array;
}

const LABEL = { track: "inbound", label: "inbound" } as const;
/** At full speed so much is given at once, samples: the queue of speech detection is bounded. */
const PIECE_SAMPLES = 60 * MODEL_RATE_HZ;
/** Counters of what took recognition away for a while. */
const LOSSES = ["asr.workersLost", "asr.timeouts", "asr.cardsLost"];

export class EngineCalls {
  readonly #options: EngineCallsOptions;
  readonly #feeder = new Feeder();
  readonly #different: number;
  readonly #prepared: Prepared[] = [];
  /** Of each different call. */
  readonly #alone: Alone[] = [];

  constructor(options: EngineCallsOptions) {
    this.#options = options;
    this.#different = differentCalls(options.clips);
  }

  async measure(count: number, load: Load): Promise<EngineOutcome> {
    const { card, wordless, counters } = this.#options;
    const lostBefore = lossesOf(counters);
    await this.#prepare(Math.min(count, this.#different));
    const stopWatching = card === null ? () => null : watchCard(card);
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const [began, used, utilisation] = [
      performance.now(),
      process.cpuUsage(),
      performance.eventLoopUtilization(),
    ];
    const played = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        await sleep((index * STAGGER_MS) / count);
        return this.#play(this.#prepared[index % this.#different] as Prepared, `call ${index}`, load);
      }),
    );
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(used);
    loop.disable();
    const carried = {
      seconds,
      cores: (user + system) / 1e6 / seconds,
      mainBusy: performance.eventLoopUtilization(utilisation).utilization,
      loopP99Ms: loop.percentile(99) / 1e6,
      rssMb: Math.round(process.memoryUsage.rss() / 1e6),
      card: stopWatching(),
    };
    const alone = played.map((_, index) => this.#alone[index % this.#different] as Alone);
    const delays = wordless ? coveredDelays(played) : delaysOf(played, alone);
    const { fallenBack } = this.#options.engine.recogniser;
    if (fallenBack) console.log("the card was lost: what follows is what the processor did in its place");
    // What was lost and came back within the rung, a worker or a card, is no longer to be seen at its end.
    const losses = lossesOf(counters) - lostBefore;
    if (losses > 0) console.log(`${losses} worker(s) or card(s) were lost or too late, and replaced`);
    return { ...delays, lost: delays.lost + losses + (fallenBack ? 1 : 0), ...carried };
  }

  /** Plans the first `count` calls, and plays each alone. */
  async #prepare(count: number): Promise<void> {
    const { clips, callMs, wordless } = this.#options;
    while (this.#prepared.length < count) {
      const planned = planCall(clips, this.#prepared.length, { twoTracks: false, callMs });
      const call = { ...planned, pcm16k: asHeard(planned.sounds[0] as Uint8Array) };
      this.#prepared.push(call);
      if (!wordless) this.#alone.push(aloneOf(await this.#play(call, "alone", "max")));
    }
  }

  /** @param load - `max`: at full speed and without partials. */
  async #play(call: Prepared, source: string, load: Load | "max"): Promise<PlayedCall> {
    const { engine, config } = this.#options;
    const { endpointer, endpointMs } = config;
    const [finals, partials]: [PlayedCall["finals"], { partial: PlayedPartial; at: number }[]] = [[], []];
    let lost = 0;
    const counters = new Counters();
    const scribe = new TrackScribe({
      source,
      label: LABEL,
      language: engine.recogniser.language("en") ?? "en",
      recogniser: engine.recogniser,
      live: { ...endpointer, endpointMs },
      onPartial:
        load === "partials" ? (partial) => void partials.push({ partial, at: Date.now() }) : undefined,
      commit: async (drafts) => {
        for (const draft of drafts) {
          if (draft.type === "transcript.final") finals.push({ final: draft, at: Date.now() });
          else lost += 1;
        }
      },
      logger: silentLogger,
      counters,
    });
    const listener = new TrackListener({
      offsetMs: 0,
      endpointer,
      detector: engine.detector,
      onUtterance: (utterance) => scribe.utterance(utterance),
      onOpen: (open) => scribe.open(open),
      onFailure: () => {},
      onUnheard: () => {
        lost += 1;
      },
    });
    const startedAt = Date.now();
    if (load === "max") {
      for (let at = 0; at < call.pcm16k.length; at += PIECE_SAMPLES) {
        listener.push(call.pcm16k.subarray(at, at + PIECE_SAMPLES));
        await listener.caughtUp();
      }
    } else await this.#feeder.feed(call.pcm16k, (pcm16k) => listener.push(pcm16k));
    await listener.end();
    await scribe.settled();
    const { clips } = call;
    const reference = clips.flatMap(({ words }) => words.map(({ word }) => word));
    return { clips, finals, partials, startedAt, reference, hypothesis: heardWords(finals), lost };
  }
}

function lossesOf(counters: Pick<Counters, "get">): number {
  return LOSSES.reduce((sum, name) => sum + counters.get(name), 0);
}

type PlayedPartial = PlayedCall["partials"][number]["partial"];

/** What the telephone leaves of a sound, at the rate of the models. */
function asHeard(mulaw: Uint8Array): Float32Array {
  const s16 = new Int16Array(mulaw.length);
  decodeMulaw(mulaw, s16);
  const upsampler = new Upsampler();
  const [body, rest] = [upsampler.push(s16ToF32(s16)), upsampler.flush()];
  const whole = new Float32Array(body.length + rest.length);
  whole.set(body);
  whole.set(rest, body.length);
  return whole;
}
