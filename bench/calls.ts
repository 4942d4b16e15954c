/**
 * How many calls one machine carries: a real server process, real media sockets, N calls at once in real time, each with
 * other clips and another start.
 *
 * Three loads: `partials` and `finals` have one track with 88 % speech, `twoTrack` two with 45 % each. Of each load N
 * rises until a call is no longer held. Held means: final p95 <= 2.5 s and word lag p95 <= 2 s (with partials), at least
 * 80 % of the words in utterances over 2 s shown before their final, a word error rate within 0.5 points of the same
 * calls alone, nothing lost.
 *
 * `npm run bench -- calls [DIR] [LOADS] [NS]`, for example `calls ../speech partials,finals 8,10,12`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MULAW_SILENCE } from "../src/audio/g711.ts";
import { PHONE_SAMPLES_PER_MS } from "../src/base/time.ts";
import type { RecordedCall } from "../src/cli/replay/recorded-call.ts";
import { replayCall } from "../src/cli/replay/replay.ts";
import { callFromSounds } from "../src/cli/replay/sound-call.ts";
import { wordErrors } from "../src/score/wer.ts";
import type { CallEvent, Track } from "../src/transcript/event.ts";
import { type Receiver, SECRET, startReceiver } from "../test/e2e/receiver.ts";
import type { ServerFigures } from "./calls-server.ts";
import { type Clip, readClips, speechFolder } from "./corpus.ts";
import { finishedFinals } from "./finished.ts";
import type { BenchOptions } from "./main.ts";
import { percentile } from "./percentile.ts";
import { type ServerProcess, type ShownPartial, startServerProcess } from "./server-process.ts";
import { firstShown } from "./shown.ts";
import { alignEqual, normalWords, type SpokenWord, spokenWords } from "./words.ts";
import { machineGflops, machineName, owedShare, REFERENCE_GFLOPS } from "./yardstick.ts";

const LOADS = ["partials", "finals", "twoTrack"] as const;
type Load = (typeof LOADS)[number];
const LADDER = [1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 25, 30, 40, 50, 60];
/** Audio of one call, at least. */
const CALL_MS = 45_000;
/** The silence between clips that makes 88 % speech of one track, or 45 % of each of two that take turns. */
const GAP_MS = { one: 1000, two: 850 };
/** Calls start one after the other within this time. */
const STAGGER_MS = 8000;
const CALL_END_WAIT_MS = 180_000;
const AUTH_TOKEN = "bench";

/** What held means, the goals, and the floors of `--check`; calls on two cores as fast as those of `owedShare`. */
const FINAL_P95_MS = 2500;
const LAG_P95_MS = 2000;
const SHOWN_BEFORE_FINAL = 0.8;
const LONG_UTTERANCE_MS = 2000;
const WER_MARGIN = 0.005;
const EXPECTED = { partials: { goal: 20, floor: 10 }, finals: { goal: 40, floor: 20 } } as const;

interface PlannedCall {
  call: RecordedCall;
  clips: { track: Track; startMs: number; speechEndMs: number; words: SpokenWord[] }[];
}

export async function run(args: string[], { json, check }: BenchOptions): Promise<void> {
  const [folder, loads = LOADS.join(), ladder = LADDER.join()] = args;
  const clips = readClips(speechFolder(folder));
  const gflops = await machineGflops(2);
  console.log(`${machineName()}, ${Math.round(gflops)} GFLOP/s float32 on 2 threads`);
  console.log("the calls and the receiver run on the same cores as the server\n");
  const held: Partial<Record<Load, number>> = {};
  for (const load of LOADS.filter((name) => loads.split(",").includes(name))) {
    held[load] = await climb(load, clips, ladder.split(",").map(Number));
    console.log(`${load}: ${held[load]} calls held\n`);
  }
  for (const [load, { goal, floor }] of Object.entries(EXPECTED)) {
    const reached = held[load as Load];
    if (reached === undefined) continue;
    const owed = Math.floor(floor * owedShare(gflops));
    const verdict = reached < owed ? `beyond the limit of ${owed}` : `at least ${owed}`;
    console.log(
      `${load}: ${reached} of ${goal} calls, ${verdict} (${floor} on a machine of ${REFERENCE_GFLOPS} GFLOP/s)`,
    );
    if (check && reached < owed) process.exitCode = 1;
  }
  if (!json) return;
  const [heldWithPartials, heldFinalsOnly, heldTwoTrack] = LOADS.map((load) => held[load] ?? null);
  console.log(JSON.stringify({ heldWithPartials, heldFinalsOnly, heldTwoTrack }));
}

/** The most calls that were held, of one load. */
async function climb(load: Load, clips: readonly Clip[], ladder: readonly number[]): Promise<number> {
  const bench = await CallsBench.start(load, clips);
  console.log(`${load}: server with ${bench.description}`);
  console.log(HEADINGS.map((heading) => heading.padStart(10)).join(""));
  let held = 0;
  try {
    for (const count of ladder) {
      const outcome = await bench.measure(count);
      console.log(row(count, outcome).join(""));
      for (const fault of outcome.faults) console.log(`           not held: ${fault}`);
      if (outcome.faults.length > 0) break;
      held = count;
    }
  } finally {
    await bench.stop();
  }
  return held;
}

type Outcome = ReturnType<typeof judge> & { figures: ServerFigures; ownCpu: number; seconds: number };

const HEADINGS = [
  ["calls", "WER %", "alone"],
  ["lag p50", "p95", "p99"],
  ["first p50", "whole p50", "p95"],
  ["final p50", "p95", "p99"],
  ["shown %", "unstable %"],
  ["server CPU", "own CPU", "RSS MB", "loop p99"],
].flat();

function row(count: number, outcome: Outcome): string[] {
  const { figures, ownCpu, seconds, lags, firsts, wholes, finals, rates } = outcome;
  const ms = (values: number[], share: number) =>
    values.length ? `${Math.round(percentile(values, share))}` : "-";
  const percent = (share: number) => (100 * share).toFixed(1);
  return [
    `${count}`,
    percent(rates.wer),
    percent(rates.alone),
    ...[0.5, 0.95, 0.99].map((share) => ms(lags, share)),
    ms(firsts, 0.5),
    ...[0.5, 0.95].map((share) => ms(wholes, share)),
    ...[0.5, 0.95, 0.99].map((share) => ms(finals, share)),
    percent(rates.shown),
    percent(rates.unstable),
    (figures.cpuMs / seconds / 1000).toFixed(2),
    ownCpu.toFixed(2),
    `${figures.rssMb}`,
    figures.loopP99Ms.toFixed(1),
  ].map((cell) => cell.padStart(10));
}

class CallsBench {
  readonly #load: Load;
  readonly #clips: readonly Clip[];
  readonly #server: ServerProcess;
  readonly #receiver: Receiver;
  readonly #folder: string;
  readonly #partials: Map<string, ShownPartial[]>;
  /** Word errors of each planned call when it was played alone, and its words. */
  readonly #alone: { errors: number; words: number }[] = [];
  readonly description: string;

  private constructor(
    load: Load,
    clips: readonly Clip[],
    receiver: Receiver,
    folder: string,
    { server, partials }: { server: ServerProcess; partials: Map<string, ShownPartial[]> },
  ) {
    this.#load = load;
    this.#clips = clips;
    this.#server = server;
    this.#receiver = receiver;
    this.#folder = folder;
    this.#partials = partials;
    this.description = `${server.workers} worker(s) of ${server.threads} thread(s)`;
  }

  static async start(load: Load, clips: readonly Clip[]): Promise<CallsBench> {
    const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-calls-"));
    const receiver = await startReceiver();
    const number =
      load === "twoTrack" ? { mode: "start", tracks: ["inbound", "outbound"] } : { mode: "connect" };
    const settings = {
      insecure: true,
      host: "127.0.0.1",
      port: 0,
      store: { path: path.join(folder, "linescribe.db") },
      callback: { url: receiver.url, secrets: [SECRET] },
      numbers: [
        { number: "*", ...number, ...(load === "twoTrack" ? { then: { dial: "+15550100199" } } : {}) },
      ],
    };
    const partials = new Map<string, ShownPartial[]>();
    const server = await startServerProcess({ settings, partials: load !== "finals" }, (shown) => {
      const { callSid } = shown.partial;
      const heard = partials.get(callSid);
      if (heard) heard.push(shown);
      else partials.set(callSid, [shown]);
    });
    return new CallsBench(load, clips, receiver, folder, { server, partials });
  }

  async measure(count: number): Promise<Outcome> {
    const planned = Array.from({ length: count }, (_, index) => this.#plan(index));
    for (let index = this.#alone.length; index < count; index++) {
      const { reference, hypothesis } = await this.#play(planned[index] as PlannedCall, "max");
      this.#alone.push({ errors: errorsOf(reference, hypothesis), words: reference.length });
    }
    this.#partials.clear();
    this.#server.begin();
    const began = performance.now();
    const own = process.cpuUsage();
    const played = await Promise.all(
      planned.map(async (call, index) => {
        await sleep((index * STAGGER_MS) / count);
        return this.#play(call, 1);
      }),
    );
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(own);
    const figures = await this.#server.figures();
    const judged = judge(this.#load, played, this.#alone.slice(0, count));
    return { ...judged, figures, ownCpu: (user + system) / 1e6 / seconds, seconds };
  }

  /** The call with this number: always the same clips. */
  #plan(index: number): PlannedCall {
    const twoTracks = this.#load === "twoTrack";
    const gapMs = twoTracks ? GAP_MS.two : GAP_MS.one;
    const clips: PlannedCall["clips"] = [];
    const sounds: { track: Track; startMs: number; mulaw: Uint8Array }[] = [];
    let atMs = gapMs;
    for (let next = index * 7; atMs < CALL_MS; next++) {
      const clip = this.#clips[next % this.#clips.length] as Clip;
      const track: Track = twoTracks && sounds.length % 2 === 1 ? "outbound" : "inbound";
      sounds.push({ track, startMs: atMs, mulaw: clip.mulaw });
      clips.push({ track, startMs: atMs, speechEndMs: atMs + clip.speechEndMs, words: spokenWords(clip) });
      atMs += Math.ceil(clip.mulaw.length / PHONE_SAMPLES_PER_MS) + gapMs;
    }
    const tracks = twoTracks ? (["inbound", "outbound"] as const) : (["inbound"] as const);
    const mixed = tracks.map((track) => {
      const whole = new Uint8Array(atMs * PHONE_SAMPLES_PER_MS).fill(MULAW_SILENCE);
      for (const sound of sounds) {
        if (sound.track === track) whole.set(sound.mulaw, sound.startMs * PHONE_SAMPLES_PER_MS);
      }
      return whole;
    });
    return { call: callFromSounds(mixed), clips };
  }

  async #play(planned: PlannedCall, speed: 1 | "max"): Promise<PlayedCall> {
    const voiceUrl = `${this.#server.url}/twilio/voice`;
    const report = await replayCall({ voiceUrl, authToken: AUTH_TOKEN, call: planned.call, speed });
    const arrivals = await this.#receiver.ended(report.callSid, CALL_END_WAIT_MS);
    const finals = arrivals.flatMap(({ event, at }) =>
      event.type === "transcript.final" ? [{ final: event, at }] : [],
    );
    const gaps = arrivals.filter(({ event }) => event.type === "transcript.gap").length;
    const reference = planned.clips.flatMap(({ words }) => words.map(({ word }) => word));
    // Both tracks in the order in which they spoke, as the clips are.
    const ordered = finals.toSorted((a, b) => a.final.startMs - b.final.startMs);
    return {
      planned,
      finals,
      partials: this.#partials.get(report.callSid) ?? [],
      startedAt: report.streams[0]?.startedAt ?? 0,
      reference,
      hypothesis: ordered.flatMap(({ final }) => normalWords(final.text)),
      lost: gaps + report.errors.length + missing(arrivals.map(({ event }) => event)),
    };
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await this.#receiver.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Events of a call that its end says there are and that did not arrive. */
function missing(events: readonly CallEvent[]): number {
  const ended = events.find(({ type }) => type === "call.ended");
  return (ended?.sequence ?? Infinity) - new Set(events.map(({ id }) => id)).size;
}

function errorsOf(reference: readonly string[], hypothesis: readonly string[]): number {
  const { substitutions, deletions, insertions } = wordErrors(reference, hypothesis);
  return substitutions + deletions + insertions;
}

interface PlayedCall {
  planned: PlannedCall;
  finals: { final: Extract<CallEvent, { type: "transcript.final" }>; at: number }[];
  partials: ShownPartial[];
  startedAt: number;
  reference: string[];
  hypothesis: string[];
  lost: number;
}

/** Delays and rates of all calls together; all times in ms. */
function judge(
  load: Load,
  calls: readonly PlayedCall[],
  alone: readonly { errors: number; words: number }[],
) {
  const sum = { errors: 0, words: 0, lost: 0, longWords: 0, shownWords: 0, stable: 0, unstable: 0 };
  const lags: number[] = [];
  const firsts: number[] = [];
  const wholes: number[] = [];
  const finals: number[] = [];
  for (const call of calls) {
    sum.errors += errorsOf(call.reference, call.hypothesis);
    sum.words += call.reference.length;
    sum.lost += call.lost;
    for (const track of new Set(call.planned.clips.map((clip) => clip.track))) {
      const shown = call.finals
        .filter(({ final }) => final.track === track)
        .map(({ final, at }) => shownWords(final, at, call.partials));
      for (const each of shown) {
        sum.stable += each.stable;
        sum.unstable += each.unstable;
        if (each.final.endMs - each.final.startMs <= LONG_UTTERANCE_MS) continue;
        sum.longWords += each.words.length;
        sum.shownWords += each.words.filter(({ at }) => at < each.at).length;
      }
      const clips = call.planned.clips.filter((clip) => clip.track === track);
      const said = clips.flatMap(({ startMs, words }) =>
        words.map(({ word, endMs }) => ({ word, endMs: startMs + endMs })),
      );
      const heard = shown.flatMap((utterance) =>
        utterance.words.map((word, index) => ({ ...word, utterance, index })),
      );
      const pairs = alignEqual(
        said.map(({ word }) => word),
        heard.map(({ word }) => word),
      );
      for (const [position, found] of pairs) {
        const [spoken, word] = [said[position], heard[found]] as [(typeof said)[0], (typeof heard)[0]];
        const endedAt = call.startedAt + spoken.endMs;
        lags.push(word.at - endedAt);
        if (word.index === 0) firsts.push(word.utterance.firstAt - endedAt);
      }
      const spans = shown.map((utterance) => {
        const { startMs, endMs } = utterance.final;
        return { startMs, endMs, utterance };
      });
      const ends = clips.map(({ speechEndMs }) => speechEndMs);
      for (const [index, finished] of finishedFinals(spans, ends).entries()) {
        if (!finished) continue;
        const endedAt = call.startedAt + (ends[index] as number);
        finals.push(finished.utterance.at - endedAt);
        wholes.push(finished.utterance.wholeAt - endedAt);
      }
    }
  }
  const baseline = alone.reduce((total, { errors, words }) => ({
    errors: total.errors + errors,
    words: total.words + words,
  }));
  const rates = {
    wer: sum.errors / sum.words,
    alone: baseline.errors / baseline.words,
    shown: sum.shownWords / Math.max(1, sum.longWords),
    unstable: sum.unstable / Math.max(1, sum.stable),
  };
  const p95 = (values: number[]) => Math.round(percentile(values, 0.95));
  const faults = [
    ...(p95(finals) > FINAL_P95_MS ? [`final p95 ${p95(finals)} ms`] : []),
    ...(load !== "finals" && p95(lags) > LAG_P95_MS ? [`word lag p95 ${p95(lags)} ms`] : []),
    ...(load !== "finals" && rates.shown < SHOWN_BEFORE_FINAL
      ? [`${(100 * rates.shown).toFixed(0)} % of words shown before their final`]
      : []),
    ...(rates.wer > rates.alone + WER_MARGIN ? ["word error rate"] : []),
    ...(sum.lost > 0 ? [`${sum.lost} gaps, errors or missing events`] : []),
  ];
  return { lags, firsts, wholes, finals, rates, faults };
}

/** When each word of a final was first shown, by a partial or by the final itself. */
function shownWords(
  final: Extract<CallEvent, { type: "transcript.final" }>,
  at: number,
  partials: PlayedCall["partials"],
) {
  const own = partials.filter(
    ({ partial }) => partial.track === final.track && partial.utterance === final.utterance,
  );
  const { words, wholeAt } = firstShown(
    { text: final.text, at },
    own.map((shown) => ({ text: shown.partial.text, at: shown.at })),
  );
  const last = own.at(-1)?.partial;
  const stable = normalWords(last?.text.slice(0, last.stable) ?? "");
  const kept = alignEqual(
    stable,
    words.map(({ word }) => word),
  ).length;
  return {
    final,
    at,
    words,
    firstAt: own[0]?.at ?? at,
    wholeAt,
    stable: stable.length,
    unstable: stable.length - kept,
  };
}
