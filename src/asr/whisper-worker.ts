/**
 * Worker thread that owns one Whisper session and answers one batch at a time.
 */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../base/error.ts";
import { setNiceness } from "../base/niceness.ts";
import { recogniseFinals } from "./ladder.ts";
import {
  type OpenAudio,
  type Recognition,
  type UtteranceAudio,
  Whisper,
  type WhisperOptions,
} from "./whisper.ts";

export interface WhisperWorkerData extends WhisperOptions {
  /** Niceness of this thread and of the inference threads it starts, 0..19. */
  niceness: number;
}

export interface BatchRequest {
  batch: number;
  utterances: UtteranceAudio[];
  /** Beam width of finals that are searched again, 1 to 5. */
  beam: number;
  /** Whether the result will be a final: then it is worth retries and the times of its words. */
  final: boolean;
}

export type WorkerAnswer =
  | { type: "ready" }
  | { type: "failed"; message: string }
  | { type: "done"; batch: number; recognitions: Recognition[] }
  | { type: "rejected"; batch: number; message: string };

/** An utterance whose language is to be found out has no draft. */
function recognisePartials(whisper: Whisper, utterances: UtteranceAudio[]): Promise<Recognition[]> {
  const open = utterances.filter((utterance): utterance is OpenAudio => "draft" in utterance);
  return open.length === utterances.length
    ? whisper.recogniseOpen(open)
    : whisper.recognise(utterances, { beam: 1 });
}

const port = parentPort;
if (port) {
  const { niceness, ...options } = workerData as WhisperWorkerData;
  const answer = (message: WorkerAnswer): void => port.postMessage(message);
  setNiceness(niceness);
  try {
    const whisper = await Whisper.load(options);
    port.on("message", async ({ batch, utterances, beam, final }: BatchRequest) => {
      try {
        const recognitions = final
          ? await recogniseFinals(whisper, utterances, beam)
          : await recognisePartials(whisper, utterances);
        answer({ type: "done", batch, recognitions });
      } catch (error) {
        answer({ type: "rejected", batch, message: messageOf(error) });
      }
    });
    answer({ type: "ready" });
  } catch (error) {
    answer({ type: "failed", message: messageOf(error) });
  }
}
