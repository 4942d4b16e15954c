/**
 * What kind of failure an inference had, told by the message of ONNX Runtime: it has no codes that reach JavaScript.
 */
import type { ErrorCode } from "../base/codes.ts";
import { LinescribeError } from "../base/error.ts";
import type { Device } from "./device.ts";

/**
 * - `memory`: it did not fit; something smaller may.
 * - `device`: the card, or what this process may do on it, is gone.
 * - `other`: a fault of the model or of what it was given.
 */
export type Fault = "memory" | "device" | "other";

/**
 * The arena of ONNX Runtime (`bfc_arena.cc`), `cudaMalloc` (error 2), the handles of cuBLAS and cuDNN, and the host's own
 * memory. None of them leaves the card in a bad state.
 */
const MEMORY = [
  /failed to allocate memory for requested buffer/i,
  /ran out of memory trying to allocate/i,
  /CUDA (failure|error) 2\b/i,
  /cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|\bout of memory\b/i,
  /(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED/,
  /\bbad_alloc\b|\bbad allocation\b/,
];

/**
 * Every other failure of CUDA (`cuda_call.cc`: "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; …").
 * Those from 700 to 719 stay with the process: whatever it asks of the card is answered with the same error again.
 *
 * @see https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
 */
const DEVICE = [
  /CUDA (failure|error) \d+/i,
  /(CUBLAS|CUDNN|CURAND) failure \d+/i,
  /device-side assert|illegal memory access|unspecified launch failure|uncorrectable ECC/i,
];

export function faultOf(message: string): Fault {
  if (MEMORY.some((pattern) => pattern.test(message))) return "memory";
  return DEVICE.some((pattern) => pattern.test(message)) ? "device" : "other";
}

/** What a failure to start means: the model is not one, or the card is not to be had. */
export function startFault(code: ErrorCode | null, message: string, device: Device): LinescribeError {
  if (code !== null) return new LinescribeError(code, message);
  const name = device.kind === "cuda" ? `card ${device.card}` : "the processor";
  const fault = faultOf(message);
  if (fault === "memory")
    return new LinescribeError("ASR_OUT_OF_MEMORY", `The model does not fit ${name}: ${message}`);
  if (fault === "device")
    return new LinescribeError("ASR_CARD_LOST", `Nothing can be done on ${name}: ${message}`);
  // The session was opened there before: it is the largest batches that failed.
  if (device.kind === "cuda")
    return new LinescribeError("CARD_FAILED", `Recognition does not run on ${name}: ${message}`);
  return new LinescribeError("MODEL_ALTERED", `The model could not be loaded: ${message}`);
}
