import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { asrSchema } from "../../src/app/config-asr.ts";
import { type RecognitionOptions, startRecognition } from "../../src/app/recognition.ts";
import { showDevice } from "../../src/asr/device.ts";
import { readOnnxProperties } from "../../src/asr/metadata.ts";
import type { Recogniser } from "../../src/asr/recogniser.ts";
import type { RecogniserOptions } from "../../src/asr/recogniser-options.ts";
import { Counters } from "../../src/base/counters.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { type Logger, silentLogger } from "../../src/base/log.ts";
import { MODEL } from "../asr/clips.ts";
import { onnxFile } from "../asr/onnx-file.ts";
import { H100, L4, machineWith } from "../cards/rig.ts";

const models = mkdtempSync(path.join(tmpdir(), "linescribe-recognition-"));
after(() => rmSync(models, { recursive: true, force: true }));

const properties = await readOnnxProperties(MODEL.modelPath);
const entries = Object.entries({
  base: onnxFile(properties),
  "base-fp16": onnxFile({ ...properties, "linescribe.device": "cuda" }),
  torn: onnxFile({ ...properties, "linescribe.device": "tpu" }),
}).flatMap(([name, graph]) => [
  write(name, "asr", graph),
  write(`${name}.tokenizer`, "tokenizer", Buffer.from("{}")),
]);
writeFileSync(path.join(models, "manifest.json"), JSON.stringify({ models: entries }));

function write(name: string, purpose: string, bytes: Buffer) {
  writeFileSync(path.join(models, name), bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { name, file: name, sha256, bytes: bytes.length, licence: "MIT", source: "a test", purpose };
}

interface Outcome {
  /** Model and devices that the recogniser was started with at last, as `base on cpu cpu`. */
  started: string;
  fallback: string | null;
  /** Code and message of each warning. */
  warnings: string[];
}

interface Given {
  asr?: Record<string, unknown>;
  machine?: Parameters<typeof machineWith>[0];
  /** What starting on cards throws. */
  failure?: LinescribeError;
}

async function outcomeOf({ asr = {}, machine = {}, failure }: Given): Promise<Outcome> {
  const warnings: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (fields, message) => {
      const { code, reason } = fields as { code: string; reason: string };
      warnings.push(`${code}: ${reason} (${message})`);
    },
  };
  let started = "";
  const start = async ({ modelPath, workers, cards }: RecogniserOptions): Promise<Recogniser> => {
    const onCards = `${cards && path.basename(cards.modelPath)} on ${cards?.devices.map(showDevice).join(" ")}`;
    // The model of the processor stands by in any case.
    assert.deepEqual([path.basename(modelPath), workers], ["base", 2]);
    if (cards) assert.equal(cards.needsAll, asr.device === "cuda" && asr.cards !== undefined);
    started = cards ? onCards : "base on cpu cpu";
    if (failure && cards) throw failure;
    return {} as Recogniser;
  };
  const options: RecognitionOptions = {
    asr: asrSchema.parse({ model: "base", cudaModel: "base-fp16", workers: 2, ...asr }),
    models,
    machine: machineWith(machine),
    logger,
    counters: new Counters(),
    start,
  };
  const { fallback, model, devices } = await startRecognition(options);
  assert.equal(`${model} on ${devices.map(showDevice).join(" ")}`, started);
  return { started, fallback, warnings };
}

const cpu = { started: "base on cpu cpu", fallback: null, warnings: [] };

test("cards are chosen when they can be used and a model for them is named, and the processor otherwise", async () => {
  const cards = { started: "base-fp16 on cuda:0 cuda:1", fallback: null, warnings: [] };
  const machine = { driver: `${H100}\n${L4}` };
  assert.deepEqual(await outcomeOf({ machine }), cards);
  assert.deepEqual(await outcomeOf({ machine, asr: { device: "cuda" } }), cards);
  assert.deepEqual(await outcomeOf({ machine, asr: { device: "cuda", cards: [0, 1] } }), cards);
  const second = await outcomeOf({ machine, asr: { cards: [1] } });
  assert.equal(second.started, "base-fp16 on cuda:1");
  assert.deepEqual(await outcomeOf({ machine, asr: { device: "cpu" } }), cpu);
  assert.deepEqual(await outcomeOf({ machine, asr: { cudaModel: undefined } }), cpu);
});

test("without a usable card auto warns once and goes on with the processor, and cuda does not start", async () => {
  const machine = { driver: null, libraries: [] };
  const { warnings, ...outcome } = await outcomeOf({ machine });
  assert.deepEqual(outcome, { started: "base on cpu cpu", fallback: "CARD_NO_DRIVER" });
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0] as string,
    /^CARD_NO_DRIVER: no NVIDIA driver; install .*libcublasLt\.so\.13.*doctor/s,
  );
  await assert.rejects(outcomeOf({ machine, asr: { device: "cuda" } }), {
    code: "CARD_NO_DRIVER",
    message: /no NVIDIA driver.*\n.*libcublasLt/,
  });
});

test("a card that fails to start is told of in auto, and refused in cuda", async () => {
  const failure = new LinescribeError("CARD_FAILED", "Recognition does not run on cuda:0: CUDA failure 35");
  const { warnings, ...outcome } = await outcomeOf({ failure });
  assert.deepEqual(outcome, { started: "base on cpu cpu", fallback: "CARD_FAILED" });
  assert.match(warnings.join(), /^CARD_FAILED: .*CUDA failure 35/);
  await assert.rejects(outcomeOf({ failure, asr: { device: "cuda" } }), failure);
});

test("one card of two is used with a warning about the other, unless that was named and cards are forced", async () => {
  const machine = { driver: `${H100}\n${L4.replace("22500", "100")}` };
  for (const asr of [{}, { cards: [0, 1] }, { device: "cuda" }]) {
    const { started, warnings } = await outcomeOf({ machine, asr });
    assert.equal(started, "base-fp16 on cuda:0");
    assert.match(warnings.join("\n"), /^CARD_NO_MEMORY: card 1: .*\(a card is not used\)$/);
  }
  const named = outcomeOf({ machine, asr: { device: "cuda", cards: [0, 1] } });
  await assert.rejects(named, { code: "CARD_NO_MEMORY" });
  const absent = outcomeOf({ machine, asr: { device: "cuda", cards: [0, 2] } });
  await assert.rejects(absent, { code: "CARD_NOT_THERE" });
});

test("a model for the other device is one clear error: of cards by configuration, of the processor always", async () => {
  const { warnings, started } = await outcomeOf({ asr: { cudaModel: "base" } });
  assert.equal(started, "base on cpu cpu");
  assert.match(
    warnings.join(),
    /^MODEL_WRONG_DEVICE: .*exported for a processor.*on a CUDA card; .*asr\.cudaModel/,
  );
  await assert.rejects(outcomeOf({ asr: { device: "cuda", cudaModel: "base" } }), {
    code: "MODEL_WRONG_DEVICE",
  });
  await assert.rejects(outcomeOf({ asr: { model: "base-fp16" } }), {
    code: "MODEL_WRONG_DEVICE",
    message: /exported for a CUDA card and shall run on a processor; name it in asr\.cudaModel/,
  });
});

test("a model for cards that is not there, or not one of ours, is a warning in auto and an error in cuda", async () => {
  for (const [cudaModel, code] of [
    ["gone", "MODEL_MISSING"],
    ["torn", "MODEL_ALTERED"],
  ]) {
    const { fallback, started } = await outcomeOf({ asr: { cudaModel } });
    assert.deepEqual([fallback, started], [code, "base on cpu cpu"]);
    await assert.rejects(outcomeOf({ asr: { device: "cuda", cudaModel } }), { code });
  }
});

test("cuda without a model for cards, and a card named twice, are faults of the configuration", () => {
  const faults = (asr: unknown) => asrSchema.safeParse(asr).error?.issues.map(({ path: at }) => at.join("."));
  assert.deepEqual(faults({ device: "cuda" }), ["cudaModel"]);
  assert.deepEqual(faults({ cards: [0, 0] }), ["cards"]);
  assert.deepEqual(faults({ cards: [] }), ["cards"]);
  assert.deepEqual(faults({ device: "gpu" }), ["device"]);
  assert.equal(faults({ device: "cuda", cudaModel: "x", cards: [1, 0] }), undefined);
});
