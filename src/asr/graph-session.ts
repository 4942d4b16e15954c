/**
 * Opens an exported graph on a device, and proves that it runs there.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { LinescribeError, messageOf } from "../base/error.ts";
import { type Device, showDevice } from "./device.ts";
import { faultOf } from "./fault.ts";
import { ranOn, readPlacement, showPlacement } from "./placement.ts";

export interface GraphSessionOptions {
  modelPath: string;
  device: Device;
  /** Threads of one inference, >= 1; on a card they only work on shapes. */
  threads: number;
  spin: boolean;
}

const CUDA_PROVIDER = "CUDAExecutionProvider";

/**
 * The options that onnxruntime-node really takes; of a card that is `deviceId` alone.
 *
 * A card stands alone in the list. The binding drops a provider that it does not know with a line on the console, and with a
 * processor beside it the session would run there; alone it is an error. ONNX Runtime adds the processor by itself.
 */
export function sessionOptions({
  device,
  threads,
  spin,
}: Omit<GraphSessionOptions, "modelPath">): InferenceSession.SessionOptions {
  return {
    executionProviders: device.kind === "cpu" ? ["cpu"] : [{ name: "cuda", deviceId: device.card }],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    // Between inferences nobody spins: the sockets have the core then.
    extra: { session: { intra_op: { allow_spinning: spin ? "1" : "0" }, force_spinning_stop: "1" } },
  };
}

/**
 * Opens a session. On a card it is only given out when a first inference has run there.
 *
 * @param tryOut - Runs a short inference with the session.
 * @throws {LinescribeError} `CARD_FAILED` when the device is a card and the session does not run on it, `ASR_OUT_OF_MEMORY` when
 *   there is no memory for it.
 */
export async function openGraph(
  { modelPath, ...options }: GraphSessionOptions,
  tryOut: (session: InferenceSession) => Promise<unknown>,
): Promise<InferenceSession> {
  if (options.device.kind === "cpu") return InferenceSession.create(modelPath, sessionOptions(options));
  const provider = CUDA_PROVIDER;
  try {
    return await openProven(modelPath, sessionOptions(options), { provider, tryOut });
  } catch (cause) {
    throw cardFailure(cause, options.device);
  }
}

/** What it means that a session could not be opened on a card, or not run there. */
export function cardFailure(cause: unknown, device: Device): LinescribeError {
  const full = faultOf(messageOf(cause)) === "memory";
  const remedy = full ? "; end what else uses the card, or take a smaller model" : "";
  const message = `Recognition does not run on ${showDevice(device)}: ${cudaReason(cause)}${remedy}`;
  return new LinescribeError(full ? "ASR_OUT_OF_MEMORY" : "CARD_FAILED", message, { cause });
}

export interface Proof {
  /** Where the work should run. */
  provider: string;
  tryOut: (session: InferenceSession) => Promise<unknown>;
}

/** Opens a session with a profile of its first inference, which is read and deleted. @throws when it ran elsewhere. */
export async function openProven(
  modelPath: string,
  options: InferenceSession.SessionOptions,
  { provider, tryOut }: Proof,
): Promise<InferenceSession> {
  const folder = await mkdtemp(path.join(tmpdir(), "linescribe-profile-"));
  try {
    const session = await InferenceSession.create(modelPath, {
      ...options,
      enableProfiling: true,
      profileFilePrefix: path.join(folder, "first"),
    });
    try {
      await tryOut(session);
      session.endProfiling();
      const [file] = await readdir(folder);
      if (!file) throw new Error("the runtime wrote no profile");
      const placement = await readPlacement(path.join(folder, file));
      if (!ranOn(placement, provider))
        throw new Error(`its matrix products ran on ${showPlacement(placement)} instead`);
      return session;
    } catch (error) {
      await session.release();
      throw error;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of a failed CUDA call the message of the runtime is a page of C++; what CUDA said is one line of it. */
export function cudaReason(thrown: unknown): string {
  const message = messageOf(thrown);
  const failure = /(?:CUDA|CUBLAS|CUDNN)[\w ]* failure \d+: [^;\n]+/i.exec(message)?.[0];
  const short = (failure ?? message)
    .replace(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, 300);
  return /Failed to load shared library/.test(message)
    ? `${short} (ONNX Runtime wrote above which; linescribe doctor tells what is missing)`
    : short;
}
