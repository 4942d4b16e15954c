/**
 * Cards, with what every machine has: the proof of where a session runs on a real graph, and the real command without a
 * card that it could use.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { InferenceSession } from "onnxruntime-node";
import { createBiases } from "../../src/asr/bias.ts";
import { CPU } from "../../src/asr/device.ts";
import { padded, runGraph } from "../../src/asr/graph.ts";
import { openProven, sessionOptions } from "../../src/asr/graph-session.ts";
import { HintCompiler } from "../../src/asr/hint-inputs.ts";
import { NO_HINTS } from "../../src/asr/hints.ts";
import { startTokens } from "../../src/asr/language.ts";
import { readWhisperMetadata } from "../../src/asr/metadata.ts";
import { loadTokenizer } from "../../src/asr/tokenizer.ts";
import { windowSamples } from "../../src/asr/window.ts";
import { MODEL } from "../asr/clips.ts";
import { run, start, temporaryFolder } from "../cli/command.ts";

const metadata = await readWhisperMetadata(MODEL.modelPath);
const { encode } = loadTokenizer(MODEL.tokenizerPath);
const options = sessionOptions({ device: CPU, threads: 1, spin: false });

async function inferOnce(session: InferenceSession): Promise<void> {
  const silence = { pcm16k: new Float32Array(8000) };
  const samples = windowSamples(8000, metadata.tailPool);
  const audio = padded([silence], [samples], samples);
  const hints = new HintCompiler(encode, createBiases(metadata)).compile(NO_HINTS);
  const prompts = [startTokens(metadata, "en")];
  await runGraph(session, metadata, { audio, prompts, beam: 1, limit: 1, hints });
}

test("a graph that runs where it should is given out, and goes on to work", async () => {
  const proof = { provider: "CPUExecutionProvider", tryOut: inferOnce };
  const session = await openProven(MODEL.modelPath, options, proof);
  await inferOnce(session);
  await session.release();
});

test("a graph that fell back to the processor without a word is found out", async () => {
  const proof = { provider: "CUDAExecutionProvider", tryOut: inferOnce };
  await assert.rejects(openProven(MODEL.modelPath, options, proof), {
    message: /^its matrix products ran on CPUExecutionProvider \d{2,3} instead$/,
  });
});

// A card or not: a model for processors cannot run there.
const CARD = {
  LINESCRIBE_ASR_CUDA_MODEL: "whisper-base",
  LINESCRIBE_PORT: "0",
  LINESCRIBE_HOST: "127.0.0.1",
};
const NO_CARD = /\b(CARD_[A-Z_]+|MODEL_WRONG_DEVICE)\b/;

test("a server whose cards are forced and cannot be used ends with exit code 1, and says why and what to do", async (t) => {
  const folder = temporaryFolder(t);
  const forced = { ...CARD, LINESCRIBE_ASR_DEVICE: "cuda" };
  const { code, stderr, stdout } = await run(["serve", "--insecure"], folder, forced);
  assert.equal(code, 1);
  assert.match(stderr, NO_CARD);
  assert.doesNotMatch(stdout, /"msg":"listening"/);
});

test("a server that may use cards and cannot warns once, and listens with the processor", async (t) => {
  const child = start(["serve", "--insecure"], temporaryFolder(t), CARD);
  t.after(() => child.kill("SIGKILL"));
  let log = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    log += chunk;
    if (log.includes('"listening"')) break;
  }
  const lines = log.split("\n").filter((line) => line.startsWith("{"));
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const warnings = entries.filter(({ level, code }) => level === "warn" && code);
  assert.equal(warnings.length, 1, log);
  assert.match(String(warnings[0]?.code), NO_CARD);
  const started = entries.find(({ msg }) => msg === "engine started");
  assert.equal(started?.fallback, warnings[0]?.code);
  assert.ok((started?.devices as string[]).every((device) => device === "cpu"));
});
