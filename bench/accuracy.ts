/**
 * How well the shipped default configuration hears, in one table: `bench -- accuracy [DIR] [PARTS]`.
 *
 * DIR holds clips with known words (`manifest.jsonl`, `phone/`, perhaps `digits.jsonl`, `digits/`); without it they are
 * those that ship with the project. PARTS are names of the parts below; without any, all.
 */
import { loadConfig } from "../src/app/config.ts";
import { type Engine, startEngine } from "../src/app/engine.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import { judge, type Limit } from "./accuracy/limits.ts";
import type { PartContext } from "./accuracy/part.ts";
import { PARTS, type Part } from "./accuracy/parts.ts";
import type { Row } from "./accuracy/score.ts";
import { readClips, readDigits, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { recordingsRoot } from "./recordings/packages.ts";
import { machineName } from "./yardstick.ts";

export async function run(args: string[], { json, check }: BenchOptions): Promise<void> {
  const chosen = args.filter(isPart);
  const [named, unknown] = args.filter((argument) => !isPart(argument));
  if (unknown !== undefined)
    throw new Error(`Expected a part (${Object.keys(PARTS).join(", ")}), got ${unknown}`);
  const folder = speechFolder(named);
  const parts = chosen.length > 0 ? chosen : (Object.keys(PARTS) as Part[]);
  const { asr, models } = loadConfig({ environment: {}, overrides: { insecure: true, host: "127.0.0.1" } });
  const engine = await startEngine({ asr, models, logger: silentLogger, counters: new Counters() });
  try {
    const context: PartContext = {
      engine,
      clips: readClips(folder),
      digits: readDigits(folder),
      root: parts.some((part) => PARTS[part].needsRecordings) ? recordingsRoot() : null,
    };
    printHead(engine, asr, context);
    const outcome = await measure(parts, context);
    for (const fault of outcome.faults) console.log(fault);
    if (check && outcome.faults.length > 0) process.exitCode = 1;
    if (json) console.log(JSON.stringify({ ...outcome.figures, clips: context.clips.length }));
  } finally {
    await engine.close();
  }
}

function isPart(name: string): name is Part {
  return Object.hasOwn(PARTS, name);
}

function printHead(engine: Engine, asr: { model: string; beam: number }, { clips }: PartContext): void {
  const minutes = clips.reduce((sum, clip) => sum + clip.seconds, 0) / 60;
  console.log(machineName());
  console.log(`${asr.model}, beam ${asr.beam}, ${engine.workers} worker(s) of ${engine.threads} thread(s)`);
  console.log(`${clips.length} clips, ${minutes.toFixed(1)} minutes; Whisper's normalisers`);
  console.log(`\n${"".padEnd(44)} WER %   tune report   sub / del / ins      words`);
}

/** Runs the parts in order; each prints its rows and notes as soon as it is done. */
async function measure(parts: readonly Part[], context: PartContext) {
  const faults: string[] = [];
  let figures: Record<string, unknown> = {};
  for (const part of parts) {
    const result = await PARTS[part].measure(context);
    for (const row of result.rows) console.log(asLine(row));
    for (const note of result.notes) console.log(`  ${note}`);
    for (const { limit, value } of result.checks) faults.push(...verdict(limit, value));
    for (const fault of result.faults) faults.push(`beyond the limit: ${fault}`);
    figures = { ...figures, ...result.figures };
  }
  return { faults, figures };
}

function verdict(limit: Limit, value: number): string[] {
  const { text, failed } = judge(limit, value);
  console.log(`  ${text}`);
  return failed ? [`beyond the limit: ${text}`] : [];
}

function asLine({ name, all, tune, report }: Row): string {
  const percent = (value: number | null): string =>
    (value === null ? "-" : (100 * value).toFixed(2)).padStart(6);
  const errors = `${all.substitutions} / ${all.deletions} / ${all.insertions}`;
  return `${name.padEnd(44)}${percent(all.wer)} ${percent(tune)} ${percent(report)}   ${errors.padEnd(18)} ${all.words}`;
}
