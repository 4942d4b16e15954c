/**
 * The worker thread that owns the Silero session: frames in, probabilities out, one request at a time.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../base/error.ts";
import { VAD_FRAME_SAMPLES } from "./frame.ts";
import { Silero } from "./silero.ts";
import type { SileroAnswer, SileroRequest, SileroWorkerData } from "./silero-message.ts";

async function answer(
  silero: Silero,
  { request, streams, counts, samples }: Extract<SileroRequest, { type: "frames" }>,
): Promise<Extract<SileroAnswer, { type: "probabilities" }>> {
  let at = 0;
  const batch = streams.map((stream, index) => {
    const start = at;
    at += (counts[index] as number) * VAD_FRAME_SAMPLES;
    return { stream, samples: samples.subarray(start, at) };
  });
  const [before, startedAt] = [silero.runs, performance.now()];
  const probabilities = await silero.probabilities(batch);
  const busyMs = performance.now() - startedAt;
  return { type: "probabilities", request, probabilities, runs: silero.runs - before, busyMs };
}

async function serve(port: MessagePort): Promise<void> {
  const { modelPath } = workerData as SileroWorkerData;
  let silero: Silero;
  try {
    silero = await Silero.load(modelPath);
  } catch (error) {
    port.postMessage({ type: "unusable", reason: messageOf(error) } satisfies SileroAnswer);
    return;
  }
  port.on("message", (message: SileroRequest) => {
    if (message.type === "forget") {
      silero.forget(message.stream);
      return;
    }
    // A failure is not answered: it rejects unhandled, ends this thread, and the detector starts another.
    void answer(silero, message).then((reply) => port.postMessage(reply, [reply.probabilities.buffer]));
  });
  port.postMessage({ type: "ready" } satisfies SileroAnswer);
}

if (parentPort === null) throw new TypeError("silero-worker runs in a worker thread only");
await serve(parentPort);
