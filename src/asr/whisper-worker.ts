/**
 * Worker thread that owns one Whisper session and answers one batch at a time.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { BatchRules } from "./batch-rules.ts";
import type { Device } from "./device.ts";
import type { WhisperOptions } from "./whisper.ts";
import { serveWhisper } from "./whisper-service.ts";

export interface WhisperWorkerData extends WhisperOptions {
  device: Device;
  rules: BatchRules;
  /** Niceness of this thread and of the inference threads it starts, 0..19. */
  niceness: number;
  /** Beam width of the largest batch, which is tried before the first call; null: nothing is tried. */
  warmUpBeam: number | null;
}

if (parentPort) await serveWhisper(parentPort, workerData as WhisperWorkerData);
