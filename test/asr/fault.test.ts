import assert from "node:assert/strict";
import { test } from "node:test";
import { CPU } from "../../src/asr/device.ts";
import { type Fault, faultOf, startFault } from "../../src/asr/fault.ts";
import { cardFailure } from "../../src/asr/graph-session.ts";
import { CARD_LOST, OUT_OF_MEMORY } from "./fake-card.ts";

const SAID: [Fault, string][] = [
  ["memory", OUT_OF_MEMORY],
  ["memory", "BFC Arena ran out of memory trying to allocate 2830172160"],
  ["memory", "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; expr=cudaMalloc((void**)&p, size);"],
  ["memory", "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);"],
  ["memory", "std::bad_alloc"],
  ["device", CARD_LOST],
  ["device", "CUDA failure 719: unspecified launch failure ; GPU=1 ; expr=cudaStreamSynchronize(stream)"],
  ["device", "CUDA failure 999: unknown error ; GPU=0 ; expr=cudaSetDevice(info_.device_id);"],
  ["device", "CUDA failure 214: uncorrectable ECC error encountered ; GPU=0"],
  ["device", "CUDA failure 20: something of two digits"],
  ["device", "CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0 ; expr=cublasGemmHelper("],
  ["device", "CUDA error: device-side assert triggered"],
  [
    "other",
    "Non-zero status code returned while running Gather node: indices element out of data bounds, idx=9",
  ],
  ["other", "Cannot read properties of undefined"],
];

test("what ONNX Runtime says of memory, of a card that is gone and of anything else is told apart", () => {
  for (const [fault, message] of SAID) assert.equal(faultOf(message), fault, message);
});

test("a start that fails has the code of what is to be done about it", () => {
  const device = { kind: "cuda", card: 1 } as const;
  assert.equal(startFault(null, OUT_OF_MEMORY, device).code, "ASR_OUT_OF_MEMORY");
  assert.match(startFault(null, CARD_LOST, device).message, /card 1.*CUDA failure 700/);
  assert.equal(startFault(null, CARD_LOST, device).code, "ASR_CARD_LOST");
  assert.equal(startFault(null, "no graph", CPU).code, "MODEL_ALTERED");
  const other = startFault(null, "Non-zero status code returned while running Gather node", device);
  assert.equal(other.code, "CARD_FAILED", "the model was loaded, and failed in the largest batches");
  assert.match(other.message, /^Recognition does not run on card 1: Non-zero/);
  assert.equal(startFault("MODEL_MISSING", "gone", device).code, "MODEL_MISSING");
});

test("a session that found no memory on a card says so, and what to do; any other says what CUDA said", () => {
  const device = { kind: "cuda", card: 1 } as const;
  const full = cardFailure(new Error("CUDA failure 2: out of memory ; GPU=1 ; hostname=h"), device);
  assert.equal(full.code, "ASR_OUT_OF_MEMORY");
  assert.match(
    full.message,
    /cuda:1: CUDA failure 2: out of memory.*; end what else uses the card, or take a smaller/,
  );
  const lost = cardFailure(new Error(CARD_LOST), device);
  assert.equal(lost.code, "CARD_FAILED");
  assert.match(lost.message, /on cuda:1: CUDA failure 700: an illegal memory access was encountered$/);
});
