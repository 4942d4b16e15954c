import assert from "node:assert/strict";
import { test } from "node:test";
import { cardChecks } from "../../src/cli/doctor/card-checks.ts";
import { H100, machineWith } from "../cards/rig.ts";

type Asr = Parameters<typeof cardChecks>[0];

/** `verdict name: found` of each check; every fault has a fix. */
async function told(asr: Asr, machine: Parameters<typeof machineWith>[0] = {}): Promise<string[]> {
  const checks = await cardChecks(asr, null, machineWith(machine));
  for (const { verdict, fix, name } of checks) assert.equal(verdict === "ok", fix === undefined, name);
  return checks.map(({ verdict, name, found }) => `${verdict} ${name}: ${found}`);
}

test("a machine without a card, on which none is wanted, is told so in one line and is well", async () => {
  const [line, ...others] = await told({ device: "auto" }, { driver: null, provider: null, libraries: [] });
  assert.match(line ?? "", /^ok card: no NVIDIA driver: recognition runs on the processor; docs\/gpu\.md/);
  assert.deepEqual(others, []);
  assert.deepEqual(await told({ device: "cpu" }), ["ok card: none is used (asr.device is cpu)"]);
  assert.deepEqual(await told(null), []);
});

test("where cards are there or wanted, each thing that they need has a line", async () => {
  const lines = await told({ device: "auto" });
  assert.deepEqual(
    lines.map((line) => line.split(":")[0]),
    ["ok driver", "ok card 0", "ok provider", "ok CUDA libraries", "warn card model"],
  );
  assert.match(lines.at(-1) as string, /CARD_NO_MODEL: none is configured/);
  const missing = { driver: H100.replace("80994", "10"), provider: null, libraries: [] };
  const forced = await told({ device: "cuda", cudaModel: "whisper-base", cards: [0, 1] }, missing);
  assert.deepEqual(
    forced.map((line) => line.split(": ").slice(0, 2).join(" ")),
    [
      "ok driver NVIDIA driver 580.95.05 tells of 1 card",
      "fail card 0 CARD_NO_MEMORY",
      "fail card CARD_NOT_THERE",
      "fail provider CARD_NO_PROVIDER",
      "fail card model MODEL_WRONG_DEVICE",
    ],
  );
});

test("a model for cards that is not in the manifest is told of, and what hinders beside it, too", async () => {
  const lines = await told({ device: "auto", cudaModel: "whisper-huge" }, { driver: null });
  assert.match(lines[0] as string, /^warn driver: CARD_NO_DRIVER: no NVIDIA driver$/);
  assert.match(lines.at(-1) as string, /^warn card model: MODEL_MISSING: .*"whisper-huge"/);
});
