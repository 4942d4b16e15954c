/**
 * How well sessions hear in each way of cutting: `bench -- sessions [DIR]`. The English clips of DIR (those that ship with
 * the project by default) are strung together, 12 to a session with a second between, and sent at full speed.
 */
import { loadConfig } from "../src/app/config.ts";
import { type Engine, startEngine } from "../src/app/engine.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import { MODEL_RATE_HZ } from "../src/base/time.ts";
import type { TextRecogniser } from "../src/call/ports.ts";
import { normalizeEnglish } from "../src/score/normalizer.ts";
import { wordErrorRate } from "../src/score/wer.ts";
import { Session } from "../src/session/session.ts";
import type { Chunking } from "../src/session/speech-track.ts";
import type { CallEvent } from "../src/transcript/event.ts";
import { PROFILES } from "../src/vad/profile.ts";
import { type Clip, readClips, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { machineName } from "./yardstick.ts";

const CLIPS_PER_SESSION = 12;
const PAUSE_SAMPLES = 8000;

const MODES: Record<string, Chunking> = {
  "chunking=vad": { mode: "vad", endpointer: PROFILES.pcm },
  "chunking=fixed&chunk_s=3&overlap_s=0.5": { mode: "fixed", chunkMs: 3000, overlapMs: 500 },
  "chunking=fixed&chunk_s=6&overlap_s=1": { mode: "fixed", chunkMs: 6000, overlapMs: 1000 },
};

export async function run(args: string[], { json }: BenchOptions): Promise<void> {
  const { asr, models } = loadConfig({ file: null, environment: {} });
  const engine = await startEngine({ asr, models, logger: silentLogger, counters: new Counters() });
  try {
    const clips = readClips(speechFolder(args[0]));
    const groups = Array.from({ length: Math.ceil(clips.length / CLIPS_PER_SESSION) }, (_, index) =>
      clips.slice(index * CLIPS_PER_SESSION, (index + 1) * CLIPS_PER_SESSION),
    );
    const seconds = clips.reduce((sum, clip) => sum + clip.seconds, 0);
    console.log(`${machineName()}\n${asr.model}, ${clips.length} clips in ${groups.length} sessions\n`);
    const figures: Record<string, number> = {};
    for (const [name, chunking] of Object.entries(MODES)) {
      const pairs = [];
      const heard = { samples: 0 };
      for (const group of groups) {
        const reference = group.map(({ text }) => text).join(" ");
        pairs.push({ reference, hypothesis: await transcribe(engine, chunking, group, heard) });
      }
      const { wer, substitutions, deletions, insertions, words } = wordErrorRate(pairs, normalizeEnglish);
      figures[name] = wer;
      const errors = `${substitutions} / ${deletions} / ${insertions} of ${words}`;
      console.log(
        `${name.padEnd(42)} WER ${(100 * wer).toFixed(2).padStart(5)} %   sub / del / ins ${errors}   recognised ${(heard.samples / MODEL_RATE_HZ / seconds).toFixed(1)} times`,
      );
    }
    if (json) console.log(JSON.stringify(figures));
  } finally {
    await engine.close();
  }
}

async function transcribe(
  engine: Engine,
  chunking: Chunking,
  clips: readonly Clip[],
  heard: { samples: number },
): Promise<string> {
  const texts: string[] = [];
  const session = new Session(
    {
      id: "bench",
      surface: "bench",
      client: "bench",
      format: { encoding: "float32", sampleRateHz: 8000 },
      chunking,
      language: "en",
      modelLanguage: "en",
      partials: false,
      detector: engine.detector,
      recogniser: counting(engine.recogniser, heard),
      commit: async (drafts) => drafts as CallEvent[],
      events: () => [],
      onEnded: () => {},
      now: Date.now,
      logger: silentLogger,
      counters: new Counters(),
    },
    {
      onEvent: (event) => {
        if (event.type === "transcript.final") texts.push(event.text);
      },
    },
  );
  for (const { pcm8k } of clips) {
    const samples = new Float32Array(pcm8k.length + PAUSE_SAMPLES);
    samples.set(pcm8k);
    session.push(new Uint8Array(samples.buffer));
  }
  await session.end("stream_stopped");
  return texts.join(" ");
}

/** Adds up what is recognised. */
function counting(recogniser: TextRecogniser, heard: { samples: number }): TextRecogniser {
  return {
    get partialIntervalMs() {
      return recogniser.partialIntervalMs;
    },
    headStartMs: (audioMs) => recogniser.headStartMs(audioMs),
    submit(request) {
      heard.samples += request.pcm16k.length;
      return recogniser.submit(request);
    },
  };
}
