/**
 * Counts what the endpointer does to real speech: spoken digits found, cuts inside clips, and the wait after a clip. Then
 * measures what speech detection costs, and how many tracks 1 and 2 workers carry.
 *
 * The folder holds `manifest.jsonl` with `phone/<id>.wav` (8 kHz) and, if it has any, `digits.jsonl` with
 * `digits/<id>.wav`. Clips are strung into calls of 12 with 1 s between, digits into one call likewise.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { Framer } from "../src/audio/framer.ts";
import { Upsampler } from "../src/audio/upsampler.ts";
import { parseWav } from "../src/audio/wav.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import { MODEL_SAMPLES_PER_MS, PHONE_RATE_HZ } from "../src/base/time.ts";
import { findModel, readManifest, verifyModel } from "../src/models/manifest.ts";
import { SpeechDetector } from "../src/vad/detector.ts";
import { Endpointer, type Utterance } from "../src/vad/endpointer.ts";
import { VAD_FRAME_SAMPLES } from "../src/vad/frame.ts";
import { PROFILES, type ProfileName } from "../src/vad/profile.ts";
import { measureVadLoad } from "./vad-load.ts";
import { machineName } from "./yardstick.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const CLIPS_PER_CALL = 12;
const GAP_SAMPLES = PHONE_RATE_HZ;
/** Lead and tail of a call, longer than any endpoint. */
const MARGIN_SAMPLES = 2 * PHONE_RATE_HZ;
/** Longer clips are left out: they are beyond the recogniser's window. */
const LONGEST_CLIP_SECONDS = 30;
const DIGITS_WANTED = 58 / 60;
/** Workers whose tracks are counted, where no others are asked for. */
const WORKERS = "1,2";
/** An utterance belongs to a clip from this much overlap on: 100 ms. */
const OVERLAP_SAMPLES = 100 * MODEL_SAMPLES_PER_MS;

interface Span {
  startSample: number;
  endSample: number;
}
interface StrungCall {
  pcm8k: Float32Array;
  /** Where the clips lie at 16 kHz. */
  clips: Span[];
}
interface Heard {
  utterance: Utterance;
  /** Position of the stream when it was emitted. */
  atSample: number;
}

function readClips(directory: string, manifest: string, folder: string): Float32Array[] {
  const file = path.join(directory, manifest);
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { id: string; seconds: number })
    .filter(({ seconds }) => seconds < LONGEST_CLIP_SECONDS)
    .map(({ id }) => {
      const { rateHz, channels } = parseWav(readFileSync(path.join(directory, folder, `${id}.wav`)));
      if (rateHz !== PHONE_RATE_HZ)
        throw new RangeError(`Expected ${id} at ${PHONE_RATE_HZ} Hz, got ${rateHz}`);
      return channels[0] as Float32Array;
    });
}

function stringCalls(clips: Float32Array[], perCall: number): StrungCall[] {
  const calls: StrungCall[] = [];
  for (let first = 0; first < clips.length; first += perCall) {
    const group = clips.slice(first, first + perCall);
    const speech = group.reduce((sum, { length }) => sum + length, 0);
    const pcm8k = new Float32Array(speech + (group.length - 1) * GAP_SAMPLES + 2 * MARGIN_SAMPLES);
    let at = MARGIN_SAMPLES;
    const spans = group.map((clip) => {
      pcm8k.set(clip, at);
      const span = { startSample: 2 * at, endSample: 2 * (at + clip.length) };
      at += clip.length + GAP_SAMPLES;
      return span;
    });
    calls.push({ pcm8k, clips: spans });
  }
  return calls;
}

async function judge(detector: SpeechDetector, { pcm8k }: StrungCall): Promise<Float32Array> {
  const upsampler = new Upsampler();
  const framer = new Framer(VAD_FRAME_SAMPLES);
  const answers: Float32Array[] = [];
  const failures: Error[] = [];
  const stream = detector.open(
    (probabilities) => answers.push(probabilities),
    (error) => failures.push(error),
  );
  for (let at = 0; at < pcm8k.length; at += PHONE_RATE_HZ) {
    stream.push(framer.push(upsampler.push(pcm8k.subarray(at, at + PHONE_RATE_HZ))));
    await stream.end();
  }
  stream.close();
  if (failures[0] !== undefined) throw failures[0];
  return Float32Array.from(answers.flatMap((part) => [...part]));
}

function endpoint(probabilities: Float32Array, profile: ProfileName): Heard[] {
  const endpointer = new Endpointer(PROFILES[profile]);
  const heard: Heard[] = [];
  probabilities.forEach((probability, frame) => {
    for (const utterance of endpointer.push(probability)) {
      heard.push({ utterance, atSample: (frame + 1) * VAD_FRAME_SAMPLES });
    }
  });
  const atSample = probabilities.length * VAD_FRAME_SAMPLES;
  return [...heard, ...endpointer.flush().map((utterance) => ({ utterance, atSample }))];
}

function overlap(a: Span, b: Span): number {
  return Math.min(a.endSample, b.endSample) - Math.max(a.startSample, b.startSample);
}

function score(calls: StrungCall[], heard: Heard[][]) {
  const waits: number[] = [];
  let [clips, missed, cutsInside, forced, joined] = [0, 0, 0, 0, 0];
  calls.forEach((call, index) => {
    const found = heard[index] as Heard[];
    clips += call.clips.length;
    forced += found.filter(({ utterance }) => utterance.forced).length;
    for (const { utterance } of found) {
      const within = call.clips.filter((clip) => overlap(clip, utterance) > OVERLAP_SAMPLES).length;
      joined += Math.max(within - 1, 0);
    }
    for (const clip of call.clips) {
      const parts = found.filter(({ utterance }) => overlap(clip, utterance) > OVERLAP_SAMPLES);
      const last = parts.at(-1);
      if (last === undefined) missed += 1;
      else waits.push(Math.round((last.atSample - clip.endSample) / MODEL_SAMPLES_PER_MS));
      cutsInside += Math.max(parts.length - 1, 0);
    }
  });
  waits.sort((a, b) => a - b);
  const percentile = (part: number): number | null => waits[Math.floor((waits.length - 1) * part)] ?? null;
  const utterances = heard.reduce((sum, { length }) => sum + length, 0);
  return {
    ...{ clips, missed, utterances, cutsInside, forced, joined },
    afterClipMs: { p50: percentile(0.5), p95: percentile(0.95) },
  };
}

function scoreDigits(calls: StrungCall[], heard: Heard[][]): { digits: number; detected: number } {
  const spans = calls.flatMap(({ clips }) => clips);
  const detected = calls.flatMap(({ clips }, index) =>
    clips.filter((clip) => (heard[index] as Heard[]).some(({ utterance }) => overlap(clip, utterance) > 0)),
  );
  return { digits: spans.length, detected: detected.length };
}

/**
 * Prints a row per profile, then the load; with `json` one object as the last line; with `check` the exit code is 1 when the `phone`
 * profile finds fewer than 58 of 60 digits.
 *
 * @param args - The speech folder; default: one beside the checkout, if there is any, else `fixtures/speech`. Numbers of
 *   workers, `1,2,4`. Numbers of tracks to try, `100,200`.
 */
export async function run(args: string[], options: { json: boolean; check: boolean }): Promise<void> {
  const beside = path.join(ROOT, "..", "shared", "speech");
  const [folder, workers = WORKERS, tracks] = args;
  const directory = folder ?? (existsSync(beside) ? beside : path.join(ROOT, "fixtures", "speech"));
  const calls = stringCalls(readClips(directory, "manifest.jsonl", "phone"), CLIPS_PER_CALL);
  const digitCalls = stringCalls(readClips(directory, "digits.jsonl", "digits"), Number.POSITIVE_INFINITY);
  const modelPath = await verifyModel(findModel(readManifest(), "silero-vad-6.2"));
  const detector = await SpeechDetector.start({ modelPath, logger: silentLogger, counters: new Counters() });
  const startedAt = performance.now();
  const all = await Promise.all([...calls, ...digitCalls].map((call) => judge(detector, call)));
  const wallSeconds = (performance.now() - startedAt) / 1000;
  await detector.close();
  const audioSeconds =
    [...calls, ...digitCalls].reduce((sum, { pcm8k }) => sum + pcm8k.length, 0) / PHONE_RATE_HZ;
  const profiles = (Object.keys(PROFILES) as ProfileName[]).map((profile) => {
    const heard = all.map((probabilities) => endpoint(probabilities, profile));
    const digits = scoreDigits(digitCalls, heard.slice(calls.length));
    return [profile, { ...score(calls, heard), ...digits }] as const;
  });
  for (const [profile, row] of profiles) {
    console.log(
      `${profile.padEnd(6)} digits ${row.detected}/${row.digits}, clips ${row.clips} (missed ${row.missed}), ` +
        `cuts inside ${row.cutsInside}, forced ${row.forced}, joined ${row.joined}, ` +
        `emitted after the clip's end p50 ${row.afterClipMs.p50} ms p95 ${row.afterClipMs.p95} ms`,
    );
  }
  const result = { ...Object.fromEntries(profiles), realTimeFactor: Math.round(audioSeconds / wallSeconds) };
  console.log(`${Math.round(audioSeconds)} s of audio at ${result.realTimeFactor} times real time`);
  console.log(`\n${machineName()}`);
  const load = await measureVadLoad(
    modelPath,
    workers.split(",").map(Number),
    tracks?.split(",").map(Number),
  );
  if (options.json) console.log(JSON.stringify({ ...result, ...load }));
  const phone = profiles.find(([profile]) => profile === "phone")?.[1];
  if (options.check && phone !== undefined && phone.detected < phone.digits * DIGITS_WANTED)
    process.exitCode = 1;
}
