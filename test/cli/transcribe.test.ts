import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { loadRecording } from "../../src/cli/transcribe/recording.ts";
import { cutIntoPieces } from "../../src/recording/pieces.ts";
import { jsonLines, ROOT, run, temporaryFolder } from "./command.ts";

const CLIP = path.join(ROOT, "fixtures/speech/phone/asterisk-en-vm-nobodyavail.wav");
const SECOND = 16_000;

test("a file is transcribed although the one before it is no WAV file, which exits 1", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(path.join(folder, "bad.wav"), "RIFF....WAVE");
  const home = { HOME: folder, TMPDIR: folder, ORT_DISABLE_TELEMETRY: undefined, CI: undefined };
  // One core, for another test file has the next one.
  const threads = { LINESCRIBE_ASR_WORKERS: "1", LINESCRIBE_ASR_THREADS: "1" };
  const args = ["transcribe", "--json", "bad.wav", "none.wav", CLIP];
  const { code, stdout, stderr } = await run(args, folder, { ...home, ...threads });
  assert.equal(code, 1);
  assert.deepEqual(
    stderr
      .trim()
      .split("\n")
      .map((line) => line.split(":").slice(0, 2).join(":")),
    ["AUDIO_BAD_WAV: bad.wav", "AUDIO_BAD_WAV: none.wav"],
  );
  const [result, ...others] = jsonLines<{ text: string; utterances: Record<string, unknown>[] }>(stdout);
  assert.deepEqual(others, []);
  assert.ok(result);
  assert.deepEqual(Object.keys(result), ["file", "language", "text", "utterances"]);
  assert.match(result.text, /^Nobody is available to take your call/);
  assert.deepEqual(Object.keys(result.utterances[0] ?? {}), [
    "track",
    "startMs",
    "endMs",
    "text",
    "confidence",
    "words",
  ]);
  // ONNX Runtime leaves a device id there when it is allowed to report to its makers.
  const left = readdirSync(folder, { recursive: true, encoding: "utf8" });
  assert.deepEqual(
    left.filter((name) => /deviceid|mat-debug|onnxruntime/.test(name)),
    [],
  );
});

test("pieces of a long recording cover it once, none is longer than 30 s, and none but the last is short", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 95 * SECOND }), fc.integer(), (samples, seed) => {
      const pcm16k = new Float32Array(samples);
      for (let index = 0; index < samples; index += 997) pcm16k[index] = ((index * 31 + seed) % 7) / 7;
      const pieces = cutIntoPieces(pcm16k);
      let at = 0;
      for (const [index, { startSample, endSample }] of pieces.entries()) {
        assert.equal(startSample, at);
        assert.ok(endSample > startSample && endSample - startSample <= 30 * SECOND);
        if (index < pieces.length - 1) assert.ok(endSample - startSample >= 15 * SECOND);
        at = endSample;
      }
      assert.equal(at, samples);
    }),
    {
      numRuns: 15,
      examples: [
        [95 * SECOND, 1],
        [30 * SECOND, 2],
        [30 * SECOND + 1, 3],
      ],
    },
  );
});

test("a cut falls into the pause", () => {
  const pcm16k = new Float32Array(40 * SECOND).map((_, index) => Math.sin(index));
  pcm16k.fill(0, 21 * SECOND, 21.4 * SECOND);
  const [first] = cutIntoPieces(pcm16k);
  assert.ok(first && first.endSample >= 21 * SECOND && first.endSample <= 21.4 * SECOND);
});

test("the packets of a recorded call become sound of its length, whatever was lost on the way", async () => {
  for (const name of ["lossy", "two-track-start"]) {
    const recording = await loadRecording(path.join(ROOT, `fixtures/calls/${name}.jsonl`));
    for (const { track, packets, pcm16k } of recording.tracks) {
      assert.ok(packets && packets.length > 0);
      const lastMs = Math.max(...(packets ?? []).map(({ timestampMs }) => timestampMs)) + 20;
      assert.ok(Math.abs(pcm16k().length / 16 - lastMs) <= 40, `${name} ${track}`);
    }
  }
});
