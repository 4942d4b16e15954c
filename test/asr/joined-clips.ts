/**
 * Clips joined in pairs, so that it is known where one word ends and the next begins.
 */
import assert from "node:assert/strict";
import type { Whisper } from "../../src/asr/whisper.ts";
import { type Clip, samplesOf } from "./clips.ts";

const JOIN_MS = 600;
/** What the middle of many may be off by, and a single one. */
const MEDIAN_MS = 80;
const WORST_MS = 300;

/** From the first to the last 10 ms that are within 30 dB of the loudest. 16 kHz */
function sound(clip: Clip): Float32Array {
  const pcm = samplesOf(clip);
  const levels = Array.from({ length: Math.floor(pcm.length / 160) }, (_, frame) =>
    pcm.subarray(frame * 160, (frame + 1) * 160).reduce((sum, sample) => sum + sample * sample, 0),
  );
  const loud = Math.max(...levels) / 1000;
  const last = levels.findLastIndex((level) => level > loud);
  return pcm.slice(levels.findIndex((level) => level > loud) * 160, (last + 1) * 160);
}

/** Fails unless the words beside each join lie where it is. Clips are joined with their neighbours, in English. */
export async function assertWordsBesideJoins(whisper: Whisper, clips: readonly Clip[]): Promise<void> {
  const distances: number[] = [];
  for (let index = 0; index + 1 < clips.length; index += 2) {
    const [first, second] = [sound(clips[index] as Clip), sound(clips[index + 1] as Clip)];
    const pcm16k = new Float32Array(first.length + JOIN_MS * 16 + second.length);
    pcm16k.set(first);
    pcm16k.set(second, first.length + JOIN_MS * 16);
    const [result] = await whisper.recognise([{ pcm16k, language: "en" }], { beam: 1, align: true });
    const words = result?.words ?? [];
    assert.equal(words.map(({ word }) => word).join(" "), result?.text);
    const [endMs, startMs] = [first.length / 16, first.length / 16 + JOIN_MS];
    const before = words.findLast((word) => word.startMs < endMs + JOIN_MS / 2);
    const behind = words.find((word) => word.startMs >= endMs + JOIN_MS / 2);
    distances.push(Math.abs((before?.endMs ?? 0) - endMs), Math.abs((behind?.startMs ?? 0) - startMs));
    assert.ok(Math.abs((words.at(-1)?.endMs ?? 0) - pcm16k.length / 16) <= WORST_MS);
  }
  const sorted = distances.sort((a, b) => a - b);
  assert.ok((sorted[sorted.length / 2] ?? 999) <= MEDIAN_MS, `${sorted}`);
}
