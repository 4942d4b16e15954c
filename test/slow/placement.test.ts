/**
 * That the proof of where a session runs works on a real graph: on the processor, for that is what every machine has.
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

const metadata = await readWhisperMetadata(MODEL.modelPath);
const { encode } = loadTokenizer(MODEL.tokenizerPath);
const options = sessionOptions({ device: CPU, threads: 1, spin: false });

async function inferOnce(session: InferenceSession): Promise<void> {
  const silence = { pcm16k: new Float32Array(8000) };
  const audio = padded([silence], [windowSamples(8000, metadata.tailPool)]);
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
