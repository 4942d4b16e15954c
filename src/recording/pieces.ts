/**
 * Cuts a recording into pieces that the recogniser takes, where it is quietest.
 */
import { exactDiv, MODEL_RATE_HZ } from "../base/time.ts";
import type { Samples } from "./recording.ts";

/** The longest utterance: Whisper's window. */
const PIECE_MAXIMUM_SAMPLES = 30 * MODEL_RATE_HZ;
/** A piece that is followed by another is at least this long. */
const PIECE_MINIMUM_SAMPLES = PIECE_MAXIMUM_SAMPLES / 2;
/** A cut lies in the middle of the quietest 200 ms, found in steps of 20 ms. */
const STEP_SAMPLES = exactDiv(MODEL_RATE_HZ, 50);
const QUIET_STEPS = 10;

export interface Piece {
  /** Positions in the recording, 16 kHz. */
  startSample: number;
  endSample: number;
}

/**
 * Pieces of at most 30 s that cover the recording, in order and without overlap; none for an empty one.
 *
 * @param pcm16k - 16 kHz mono; not changed.
 */
export function cutIntoPieces(pcm16k: Samples): Piece[] {
  const pieces: Piece[] = [];
  let startSample = 0;
  while (pcm16k.length - startSample > PIECE_MAXIMUM_SAMPLES) {
    const latest = startSample + PIECE_MAXIMUM_SAMPLES;
    const endSample = quietestPoint(pcm16k, startSample + PIECE_MINIMUM_SAMPLES, latest);
    pieces.push({ startSample, endSample });
    startSample = endSample;
  }
  if (startSample < pcm16k.length) pieces.push({ startSample, endSample: pcm16k.length });
  return pieces;
}

/** The middle of the 200 ms of least energy in [from, to); the latest of equals, so that pieces are long. */
function quietestPoint(pcm16k: Samples, from: number, to: number): number {
  const energies: number[] = [];
  for (let at = from; at + STEP_SAMPLES <= to; at += STEP_SAMPLES) {
    let energy = 0;
    for (const sample of pcm16k.slice(at, at + STEP_SAMPLES)) energy += sample * sample;
    energies.push(energy);
  }
  let best = { step: 0, energy: Number.POSITIVE_INFINITY };
  for (let step = 0; step + QUIET_STEPS <= energies.length; step++) {
    const energy = energies.slice(step, step + QUIET_STEPS).reduce((sum, one) => sum + one, 0);
    if (energy <= best.energy) best = { step, energy };
  }
  return from + (best.step + QUIET_STEPS / 2) * STEP_SAMPLES;
}
