/**
 * What hints gain and cost: names that occur in the transcripts together with 200 that do not (`hints.json`), given
 * with every clip and not at all.
 *
 * `bench -- hints [DIR]`, DIR as for `bench -- accuracy`; with `digits.jsonl` and `digits/` in it, single digits too.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { loadConfig } from "../src/app/config.ts";
import { type Engine, startEngine } from "../src/app/engine.ts";
import { asHints, NO_HINTS } from "../src/asr/hints.ts";
import { resample } from "../src/audio/resample.ts";
import { parseWav } from "../src/audio/wav.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ } from "../src/base/time.ts";
import { normalizeEnglish } from "../src/score/normalizer.ts";
import { wordErrorRate } from "../src/score/wer.ts";
import { type Clip, readClips, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { alignEqual, normalWords } from "./words.ts";
import { machineName } from "./yardstick.ts";

/** Limits of `--check`: errors on hinted words that are gone at least, word error rate elsewhere that is lost at most. */
const FEWER = 0.3;
const LOST = 0.002;
const DIGITS_RIGHT = 52;

const read = (name: string) => JSON.parse(readFileSync(path.join(import.meta.dirname, name), "utf8"));
const { names, decoys }: { names: string[]; decoys: string[] } = read("hints.json");
const NAMES = new Set(names.flatMap(normalWords));
const DECOYS = new Set(decoys.flatMap(normalWords));
const DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/** Silence in front of a digit, which the endpointer would have left there. */
const DIGIT_LEAD_MS = 150;

interface Heard {
  clip: Clip;
  text: string;
}

export async function run(args: string[], { json, check }: BenchOptions): Promise<void> {
  const folder = speechFolder(args[0]);
  const clips = readClips(folder);
  const { asr, models } = loadConfig({ environment: {}, overrides: { insecure: true, host: "127.0.0.1" } });
  const engine = await startEngine({ asr, models, logger: silentLogger, counters: new Counters() });
  const hints = asHints([...names, ...decoys]);
  console.log(
    `${machineName()}; ${asr.model}, beam ${asr.beam}; ${clips.length} clips, ${hints.length} hints`,
  );
  const without = await hear(engine, clips, NO_HINTS);
  const given = await hear(engine, clips, hints);
  const digits = await hearDigits(engine, folder);
  await engine.close();
  const gain = report(without.heard, given.heard);
  const slower = given.ms / without.ms - 1;
  console.log(`time of recognition with hints: ${percent(slower)} % more`);
  if (digits)
    console.log(
      `digits as one digit and nothing else: ${digits.without} of ${digits.count} without hints, ${digits.given} with`,
    );
  const faults = [
    ...(gain.fewer < FEWER ? [`only ${percent(gain.fewer)} % fewer errors on hinted words`] : []),
    ...(gain.lost > LOST ? [`${percent(gain.lost)} points lost elsewhere`] : []),
    ...(gain.decoys > 0 ? [`${gain.decoys} decoys written`] : []),
    ...(digits && digits.given < DIGITS_RIGHT ? [`${digits.given} digits right with hints`] : []),
  ];
  for (const fault of faults) console.log(`beyond the limit: ${fault}`);
  if (check && faults.length > 0) process.exitCode = 1;
  if (json) console.log(JSON.stringify({ ...gain, slower, digits, clips: clips.length }));
}

async function hear({ recogniser }: Engine, clips: readonly Clip[], hints: readonly string[]) {
  const heard: Heard[] = [];
  const startedAt = performance.now();
  for (const clip of clips) {
    const pcm16k = resample(clip.pcm8k, PHONE_RATE_HZ, MODEL_RATE_HZ);
    const result = await recogniser.recognise([{ pcm16k, language: "en", hints }])[0];
    heard.push({ clip, text: result?.text ?? "" });
  }
  return { heard, ms: performance.now() - startedAt };
}

/** Errors on hinted words and errors elsewhere. */
function score(heard: readonly Heard[]) {
  const total = { hinted: 0, missed: 0, words: 0, errors: 0 };
  for (const { clip, text } of heard) {
    const [reference, hypothesis] = [normalWords(clip.text), normalWords(text)];
    const equal = new Set(alignEqual(reference, hypothesis).map(([at]) => at));
    const hinted = [...reference.keys()].filter((at) => NAMES.has(reference[at] as string));
    const missed = hinted.filter((at) => !equal.has(at)).length;
    const counts = wordErrorRate([{ reference: clip.text, hypothesis: text }], normalizeEnglish);
    total.hinted += hinted.length;
    total.missed += missed;
    total.words += reference.length - hinted.length;
    // A hinted word that is missed is one substitution or deletion; all other errors count as elsewhere.
    total.errors += counts.substitutions + counts.deletions + counts.insertions - missed;
  }
  return { ...total, wer: total.errors / total.words };
}

/** Decoys in what was heard with hints that were not heard without: some sound like what was said. */
function decoysWritten(without: readonly Heard[], given: readonly Heard[]): number {
  const decoysIn = (heard: Heard | undefined) =>
    normalWords(heard?.text ?? "").filter((word) => DECOYS.has(word));
  return given.reduce((sum, heard, index) => {
    const known = new Set(decoysIn(without[index]));
    return sum + decoysIn(heard).filter((word) => !known.has(word)).length;
  }, 0);
}

function report(without: readonly Heard[], given: readonly Heard[]) {
  const halves = read("speakers.json");
  const rows: [string, (heard: Heard) => boolean][] = [
    ["all", () => true],
    ["tune", ({ clip }) => halves.tune.includes(clip.speaker)],
    ["report", ({ clip }) => halves.report.includes(clip.speaker)],
  ];
  console.log(
    "\n         hinted words   wrong without   with   elsewhere, WER % without   with   decoys written",
  );
  const gains = rows.map(([name, isIn]) => {
    const [plain, hinted] = [without.filter(isIn), given.filter(isIn)];
    const [before, after] = [score(plain), score(hinted)];
    const decoys = decoysWritten(plain, hinted);
    console.log(
      [
        name.padEnd(8),
        String(before.hinted).padStart(13),
        String(before.missed).padStart(15),
        String(after.missed).padStart(6),
        percent(before.wer).padStart(26),
        percent(after.wer).padStart(6),
        String(decoys).padStart(16),
      ].join(" "),
    );
    const fewer = before.missed === 0 ? 0 : 1 - after.missed / before.missed;
    return { fewer, lost: after.wer - before.wer, decoys };
  });
  const [all] = gains as [(typeof gains)[number]];
  console.log(
    `\nerrors on hinted words: ${percent(all.fewer)} % fewer; elsewhere ${percent(all.lost)} points`,
  );
  return all;
}

async function hearDigits({ recogniser }: Engine, folder: string) {
  const manifest = path.join(folder, "digits.jsonl");
  if (!existsSync(manifest)) return null;
  const rows: { id: string; text: string }[] = readFileSync(manifest, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const right = async (hints: readonly string[]): Promise<number> => {
    let count = 0;
    for (const { id, text } of rows) {
      const { channels, rateHz } = parseWav(readFileSync(path.join(folder, "digits", `${id}.wav`)));
      const sound = resample(channels[0] as Float32Array, rateHz, MODEL_RATE_HZ);
      const lead = (DIGIT_LEAD_MS * MODEL_RATE_HZ) / 1000;
      const pcm16k = new Float32Array(lead + sound.length);
      pcm16k.set(sound, lead);
      const result = await recogniser.recognise([{ pcm16k, language: "en", hints }])[0];
      if (normalizeEnglish(result?.text ?? "") === normalizeEnglish(text)) count += 1;
    }
    return count;
  };
  const hints = asHints(DIGITS.flatMap((word, digit) => [String(digit), word]));
  return { count: rows.length, without: await right(NO_HINTS), given: await right(hints) };
}

function percent(share: number): string {
  return (100 * share).toFixed(2);
}
