/**
 * What a card does, or with `--device cpu` the processor in its place: `npm run bench -- gpu [DIR] [OPTIONS]`.
 *
 * 1. Encoder and decoder of one inference, batch size by length of utterance, and their distance from the device's peaks.
 * 2. Calls held without sockets: sound in real time into speech detection and the recogniser of the server.
 * 3. The same calls through the whole product as in `bench -- calls`, and so the share of the network.
 *
 * `bench/README.md` has the options.
 */
import path from "node:path";
import { chooseThreads, loadConfig } from "../src/app/config.ts";
import { type BatchRules, CARD_RULES, CPU_RULES } from "../src/asr/batch-rules.ts";
import { showDevice } from "../src/asr/device.ts";
import { Whisper } from "../src/asr/whisper.ts";
import { resample } from "../src/audio/resample.ts";
import { LinescribeError } from "../src/base/error.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ } from "../src/base/time.ts";
import { type Clip, readClips, speechFolder } from "./corpus.ts";
import { storedBytes } from "./gpu/arithmetic.ts";
import type { Peak } from "./gpu/cards.ts";
import { verdictOf } from "./gpu/goals.ts";
import { holdCalls } from "./gpu/hold.ts";
import { type BenchModel, openModel } from "./gpu/model.ts";
import { watchCard } from "./gpu/nvidia-smi.ts";
import { type GpuOptions, OPTIONS, parseOptions } from "./gpu/options.ts";
import { findPlace, type Place, peakOfPlace } from "./gpu/place.ts";
import { type Cell, timeBatches } from "./gpu/timing.ts";
import type { BenchOptions } from "./main.ts";
import { machineName } from "./yardstick.ts";

export { OPTIONS };

/** Without a card a batch of more audio takes many seconds. */
const CPU_LONGEST_BATCH_SECONDS = 40;
const CELL_MS = { cpu: 500, cuda: 1500 };

export async function run(args: string[], bench: BenchOptions): Promise<void> {
  const asked = await understand(bench.values);
  if (asked === null) return;
  try {
    await measure(args[0], asked, bench);
  } catch (error) {
    // A card without memory, a library that is missing: the message has the remedy.
    if (!(error instanceof LinescribeError)) throw error;
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    asked.model.remove();
  }
}

interface Asked {
  options: GpuOptions;
  place: Place;
  model: BenchModel;
}

/** What was asked for and where it will run; null, and exit code 2, when that cannot be. */
async function understand(values: BenchOptions["values"]): Promise<Asked | null> {
  try {
    const options = parseOptions(values);
    const place = await findPlace(options.device);
    if (place.device.kind === "cuda" && values.model === undefined)
      throw new RangeError("Expected --model: a model that was exported for cards, see docs/gpu.md");
    return { options, place, model: await openModel(options.model, place.device.kind) };
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof LinescribeError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
    return null;
  }
}

async function measure(
  folder: string | undefined,
  { place, options, model }: Asked,
  { json, check, values }: BenchOptions,
): Promise<void> {
  const clips = readClips(speechFolder(folder));
  const asr = asrOf(place, model);
  const config = loadConfig({ file: null, environment: {}, overrides: { asr } }).asr;
  const chosen = chooseThreads(config);
  const peak = await peakOfPlace(place, options, chosen.threads);
  printHead(place, model, options, values);
  const { rows, paddedSamples } = rulesOf(place);
  const batches = `batches of up to ${rows} and ${paddedSamples / MODEL_RATE_HZ} s`;
  console.log(`configuration: beam ${config.beam}, ${batches}; calls of ${options.callMs / 1000} s`);
  printPeak(peak);
  const cells = await time(place, model, options, { ...chosen, peak, clips });
  const held = await holdCalls({ options, place, model, engine: { models: model.models, asr }, clips });
  const verdict = verdictOf(place.card?.name ?? null, model.sizes, held.heldWithPartials, options);
  console.log(`\n${verdict.text}`);
  if (check && verdict.missed) process.exitCode = 1;
  if (!json) return;
  const { name, driver, totalBytes } = place.card ?? {};
  const card = place.card && { name, driver, totalBytes };
  const facts = { machine: machineName(), device: place.device, card, model: factsOf(model), peak };
  console.log(JSON.stringify({ ...facts, cells, ...held }));
}

/** The section `asr` of a server that runs there: its finals may not fall back on a processor unseen. */
function asrOf({ device }: Place, { name }: BenchModel): Record<string, unknown> {
  return device.kind === "cpu" ? { model: name } : { device: "cuda", cudaModel: name, cards: [device.card] };
}

/** How the recogniser puts utterances together there. */
function rulesOf({ device }: Pick<Place, "device">): BatchRules {
  return device.kind === "cuda" ? CARD_RULES : CPU_RULES;
}

function factsOf({ name, metadata, sizes }: BenchModel) {
  return { name, precision: metadata.precision, ...sizes };
}

function printHead(
  { device, card }: Place,
  model: BenchModel,
  { tokensPerSecond }: GpuOptions,
  values: Readonly<Record<string, string>>,
): void {
  const memory = card?.totalBytes ? `${Math.round(card.totalBytes / 2 ** 20)} MiB` : "memory not told";
  const { name, precision, width, encoderLayers, decoderLayers, melBands } = factsOf(model);
  // A folder is nobody's business, and has no place in a table.
  const given = Object.entries(values).map(([option, value]) => `--${option} ${path.basename(value)}`);
  console.log(machineName());
  console.log(
    `device: ${showDevice(device)}${card ? `, ${card.name}, driver ${card.driver}, ${memory}` : ""}`,
  );
  console.log(
    `model: ${name}, ${precision}, width ${width}, ${encoderLayers} + ${decoderLayers} layers, ${melBands} mel bands`,
  );
  console.log(`command: npm run bench -- ${["gpu", ...given].join(" ")}`);
  if (tokensPerSecond !== null)
    console.log(
      `weights are taken for random: ${tokensPerSecond} tokens to a second of speech, nothing is searched again`,
    );
}

function printPeak(peak: Peak | null): void {
  console.log(
    peak
      ? `peak: ${(peak.gflops / 1000).toFixed(2)} TFLOP/s, ${peak.gbs.toFixed(0)} GB/s (${peak.source})\n`
      : "peak: not known of this card; --peak-tflops and --peak-gbs give it\n",
  );
}

async function time(
  { device, card }: Place,
  { modelPath, tokenizerPath, sizes, metadata }: BenchModel,
  { batches, seconds, tokensPerSecond }: GpuOptions,
  {
    workers,
    threads,
    peak,
    clips,
  }: { workers: number; threads: number; peak: Peak | null; clips: readonly Clip[] },
): Promise<Cell[]> {
  if (batches.length === 0 || seconds.length === 0) return [];
  const all = clips.flatMap(({ pcm8k }) => [...resample(pcm8k, PHONE_RATE_HZ, MODEL_RATE_HZ)]);
  const rules = rulesOf({ device });
  const spin = workers === 1;
  const whisper = await Whisper.load({ modelPath, tokenizerPath, device, threads, spin, rules });
  console.log(
    `one session of ${threads} thread(s), greedy; GFLOP/s of the encoder, GB/s of a step of the decoder`,
  );
  const stopWatching = card ? watchCard(card) : () => null;
  try {
    return await timeBatches(whisper, Float32Array.from(all), {
      batches,
      seconds,
      tokensPerSecond,
      sizes,
      stored: storedBytes(metadata.precision),
      rules,
      peak,
      longestBatchSeconds: device.kind === "cpu" ? CPU_LONGEST_BATCH_SECONDS : Infinity,
      cellMs: CELL_MS[device.kind],
    });
  } finally {
    const use = stopWatching();
    if (use) console.log(`card: ${use.wattsMax ?? "-"} W and ${use.usedMibMax ?? "-"} MiB at most`);
    await whisper.close();
  }
}
