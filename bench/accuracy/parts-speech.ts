/**
 * Word error rates of speech: the clips of the folder, and the packaged prompts in five languages.
 */
import { type Language, VOICES } from "../../fixtures/build/packages.ts";
import type { Clip } from "../corpus.ts";
import { percentile } from "../percentile.ts";
import { readPromptClips } from "../recordings/prompts.ts";
import { stringUtterances } from "../recordings/utterances.ts";
import { startBenchServer } from "../server.ts";
import { machineGflops } from "../yardstick.ts";
import { LIMITS, speedLimit } from "./limits.ts";
import { noted, type PartContext, type PartResult, round } from "./part.ts";
import { halfOfName, halfOfSpeakers, scoreRow } from "./score.ts";
import {
  CALLS_AT_ONCE,
  type LiveResult,
  playClips,
  playHalves,
  recogniseAll,
  recogniseTimed,
} from "./speech.ts";

/** Of each language but English, as many utterances, evenly chosen, as last this long. */
const LANGUAGE_SECONDS = 240;
const NO_RECORDINGS = "left out: no packaged recordings";

export async function measureIsolated({ engine, clips }: PartContext): Promise<PartResult> {
  const gflops = await machineGflops(engine.threads);
  const { pairs, realTimeFactor } = await recogniseTimed(engine, clips);
  const row = scoreRow("clips, one by one", pairs, halfOfSpeakers);
  return {
    rows: [row],
    notes: [`${Math.round(gflops)} GFLOP/s float32 on ${engine.threads} thread(s)`],
    checks: [
      { limit: LIMITS.isolated, value: 100 * row.all.wer },
      { limit: speedLimit(gflops), value: realTimeFactor },
    ],
    faults: [],
    figures: {
      isolated: { wer: round(row.all.wer), realTimeFactor: round(realTimeFactor, 1) },
      machineGflops: Math.round(gflops),
    },
  };
}

export async function measureLive({ engine, clips }: PartContext): Promise<PartResult> {
  const server = await startBenchServer(engine);
  const live = await playClips(server, clips, 1);
  await server.stop();
  const row = scoreRow("clips, live", live.pairs, halfOfSpeakers);
  const [p50, p95] = [percentile(live.delays, 0.5), percentile(live.delays, 0.95)];
  return {
    rows: [row],
    notes: [
      `delay from the last speech sample to the webhook, ${CALLS_AT_ONCE} calls at once: ` +
        `p50 ${Math.round(p50)} ms, p95 ${Math.round(p95)} ms (${live.delays.length} clips, ${live.calls} calls)`,
    ],
    checks: [
      { limit: LIMITS.live, value: 100 * row.all.wer },
      { limit: LIMITS.delayP50, value: p50 },
      { limit: LIMITS.delayP95, value: p95 },
    ],
    faults: faultsOf(live),
    figures: { live: { wer: round(row.all.wer), delayMs: { p50: Math.round(p50), p95: Math.round(p95) } } },
  };
}

function faultsOf({ lost, errors }: LiveResult): string[] {
  return [
    ...(lost > 0 ? [`${lost} finals did not arrive`] : []),
    ...(errors > 0 ? [`${errors} carrier errors`] : []),
  ];
}

/** The second set: English prompts as they are. */
export async function measurePrompts({ engine, root }: PartContext): Promise<PartResult> {
  if (root === null) return noted(NO_RECORDINGS);
  const prompts = readPromptClips(root, "en");
  const row = scoreRow("prompts, one by one", await recogniseAll(engine, prompts), halfOfName);
  const figures = { prompts: { wer: round(row.all.wer) } };
  return { ...noted(`${counted(prompts, "prompts")}, one voice`), rows: [row], figures };
}

/** The second set, strung together to what callers say at a time. */
export async function measureUtterances({ engine, root }: PartContext): Promise<PartResult> {
  if (root === null) return noted(NO_RECORDINGS);
  const utterances = stringHalves(readPromptClips(root, "en"));
  const server = await startBenchServer(engine);
  const live = await playHalves(server, utterances);
  await server.stop();
  const rows = [
    scoreRow("utterances of prompts, one by one", await recogniseAll(engine, utterances), halfOfName),
    scoreRow("utterances of prompts, live at full speed", live.pairs, halfOfName),
  ];
  const [isolated, together] = rows.map(({ all }) => round(all.wer));
  return {
    rows,
    notes: [counted(utterances, "utterances of 5 to 15 s")],
    checks: [],
    faults: faultsOf(live),
    figures: { utterances: { isolated, live: together } },
  };
}

/** Utterances of other languages, through the whole product. */
export async function measureLanguages({ engine, root }: PartContext): Promise<PartResult> {
  if (root === null) return noted(NO_RECORDINGS);
  const languages = (Object.keys(VOICES) as Language[]).filter((language) => language !== "en");
  const server = await startBenchServer(
    engine,
    languages.map((language) => ({ language })),
  );
  const result = noted("at most 4 minutes of each language, evenly chosen");
  const figures: Record<string, number> = {};
  for (const [setting, language] of languages.entries()) {
    const utterances = evenly(stringHalves(readPromptClips(root, language)), LANGUAGE_SECONDS);
    const live = await playHalves(server, utterances, setting);
    const row = scoreRow(`prompts in "${language}", live at full speed`, live.pairs, halfOfName, language);
    result.rows.push(row);
    result.notes.push(`${language}: ${counted(utterances, "utterances")}`);
    result.faults.push(...faultsOf(live));
    figures[language] = round(row.all.wer);
  }
  await server.stop();
  return { ...result, figures: { languages: figures } };
}

/** Utterances of prompts that are in the same half. */
function stringHalves(prompts: readonly Clip[]): Clip[] {
  return (["tune", "report"] as const).flatMap((half) =>
    stringUtterances(prompts.filter((prompt) => halfOfName(prompt) === half)),
  );
}

/** Every n-th clip, so that they last at most `seconds` and come from the whole set. */
export function evenly(clips: readonly Clip[], seconds: number): Clip[] {
  const total = clips.reduce((sum, clip) => sum + clip.seconds, 0);
  const step = Math.max(1, Math.ceil(total / seconds));
  return clips.filter((_, index) => index % step === 0);
}

function counted(clips: readonly Clip[], noun: string): string {
  const seconds = clips.reduce((sum, clip) => sum + clip.seconds, 0);
  return `${clips.length} ${noun} (${(seconds / 60).toFixed(1)} minutes)`;
}
