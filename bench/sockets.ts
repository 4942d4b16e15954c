/**
 * How soon each live socket shows what was said: `bench -- sockets [DIR] [SECONDS]`. A real server process, one socket after
 * the other by itself, the same clips in each, strung together in real time with 1.5 s between.
 *
 * Word lag is from the end of a word in the sound to the first event that shows it, a final included; final delay from the
 * end of a clip to the final that has its last word. Words that were misheard have neither.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { MULAW_SILENCE } from "../src/audio/g711.ts";
import { PHONE_SAMPLES_PER_MS } from "../src/base/time.ts";
import { SECRET, startReceiver } from "../test/e2e/receiver.ts";
import { type Clip, readClips, speechFolder } from "./corpus.ts";
import { type LiveSocket, type Played, SOCKETS } from "./live-sockets.ts";
import type { BenchOptions } from "./main.ts";
import { percentile } from "./percentile.ts";
import { type ShownPartial, startServerProcess } from "./server-process.ts";
import { firstShown } from "./shown.ts";
import { alignEqual, spokenWords } from "./words.ts";
import { machineName } from "./yardstick.ts";

const GAP_MS = 1500;
const DEFAULT_SECONDS = 90;

interface Speech {
  mulaw: Uint8Array;
  words: {
    word: string;
    endMs: number /** Of a clip's last word: where its speech ends. */;
    clipEndMs: number | null;
  }[];
}

export async function run(args: string[], { json }: BenchOptions): Promise<void> {
  const [folder, seconds = DEFAULT_SECONDS] = args;
  const speech = speechOf(readClips(speechFolder(folder)), Number(seconds) * 1000);
  const temporary = mkdtempSync(path.join(os.tmpdir(), "linescribe-sockets-"));
  const receiver = await startReceiver();
  const partials: ShownPartial[] = [];
  const settings = {
    insecure: true,
    host: "127.0.0.1",
    port: 0,
    store: { path: path.join(temporary, "linescribe.db") },
    callback: { url: receiver.url, secrets: [SECRET] },
    numbers: [{ number: "*", mode: "connect" }],
  };
  const server = await startServerProcess({ settings, partials: true }, (shown) => partials.push(shown));
  try {
    const { workers, threads, url } = server;
    console.log(`${machineName()}, server with ${workers} worker(s) of ${threads} thread(s)`);
    const soundSeconds = Math.round(speech.mulaw.length / PHONE_SAMPLES_PER_MS / 1000);
    console.log(`${soundSeconds} s of sound, ${speech.words.length} words; ms\n`);
    console.log(`${"".padEnd(26)}${HEADINGS.map((heading) => heading.padStart(14)).join("")}`);
    const figures: Record<string, ReturnType<typeof measure>> = {};
    for (const socket of SOCKETS) {
      const played = await socket.play(speech.mulaw, { url, receiver, partials });
      const figure = measure(speech, played, socket);
      figures[socket.name] = figure;
      const cells = Object.values(figure).map((value) => `${value}`.padStart(14));
      console.log(`${socket.name.padEnd(26)}${cells.join("")}`);
    }
    if (json) console.log(JSON.stringify(figures));
  } finally {
    await server.stop();
    await receiver.close();
    rmSync(temporary, { recursive: true, force: true });
  }
}

const HEADINGS = ["word lag p50", "p95", "final p50", "p95", "words", "clips"];

/** Clips from the first on, with silence around each. */
function speechOf(clips: readonly Clip[], lengthMs: number): Speech {
  const parts: Uint8Array[] = [];
  const words: Speech["words"] = [];
  let atMs = 0;
  const add = (mulaw: Uint8Array): void => {
    parts.push(mulaw);
    atMs += mulaw.length / PHONE_SAMPLES_PER_MS;
  };
  const gap = new Uint8Array(GAP_MS * PHONE_SAMPLES_PER_MS).fill(MULAW_SILENCE);
  add(gap);
  for (const clip of clips) {
    if (atMs >= lengthMs) break;
    const said = spokenWords(clip);
    words.push(
      ...said.map(({ word, endMs }, index) => ({
        word,
        endMs: atMs + endMs,
        clipEndMs: index === said.length - 1 ? atMs + clip.speechEndMs : null,
      })),
    );
    add(clip.mulaw);
    add(gap);
  }
  return { mulaw: Buffer.concat(parts), words };
}

function measure({ words }: Speech, { startedAt, told }: Played, { ahead }: LiveSocket) {
  const finals = told.filter(({ kind }) => kind === "final").sort((a, b) => a.utterance - b.utterance);
  const heard = finals.flatMap((final) => {
    const partials = told.filter(
      ({ kind, utterance }) =>
        kind === "partial" && utterance <= final.utterance && utterance >= final.utterance - ahead,
    );
    return firstShown(final, partials).words.map((word) => ({ ...word, final }));
  });
  const pairs = alignEqual(
    words.map(({ word }) => word),
    heard.map(({ word }) => word),
  );
  const lags: number[] = [];
  const delays: number[] = [];
  for (const [position, found] of pairs) {
    const [spoken, shown] = [words[position] as Speech["words"][0], heard[found] as (typeof heard)[0]];
    lags.push(shown.at - startedAt - spoken.endMs);
    if (spoken.clipEndMs !== null) delays.push(shown.final.at - startedAt - spoken.clipEndMs);
  }
  const ms = (values: readonly number[], share: number): number => Math.round(percentile(values, share));
  return {
    lagP50: ms(lags, 0.5),
    lagP95: ms(lags, 0.95),
    finalP50: ms(delays, 0.5),
    finalP95: ms(delays, 0.95),
    words: lags.length,
    clips: delays.length,
  };
}
