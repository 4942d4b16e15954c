import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Lines that the bench prints on the processor; the last is its JSON. */
async function bench(...args: string[]): Promise<{ lines: string[]; json: Record<string, unknown> }> {
  const command = [
    "--import",
    "tsx",
    "bench/main.ts",
    "gpu",
    "--device",
    "cpu",
    "--json",
    "--check",
    ...args,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: ROOT, maxBuffer: 1 << 24 });
  const lines = stdout.trim().split("\n");
  return { lines, json: JSON.parse(lines.at(-1) as string) };
}

interface Cell {
  seconds: number;
  batch: number;
  totalMs: number;
  encoderMs: number;
  tokensPerSecond: number;
  realTimeFactor: number;
  encoderGflops: number;
}

test("the bench of cards runs whole on a processor, and its last line says how many calls were held", async () => {
  const small = ["--batches", "1,2", "--seconds", "1", "--call-seconds", "6", "--calls", "1"];
  const { lines, json } = await bench(...small);
  assert.deepEqual([json.device, json.card], [{ kind: "cpu" }, null]);
  const cells = json.cells as Cell[];
  assert.deepEqual(
    cells.map(({ seconds, batch }) => [seconds, batch]),
    [
      [1, 1],
      [1, 2],
    ],
  );
  const { gflops } = json.peak as { gflops: number };
  for (const cell of cells) {
    assert.ok(cell.encoderMs < cell.totalMs && cell.realTimeFactor > 0 && cell.tokensPerSecond > 0);
    // Twice the peak would be wrong arithmetic; a busy machine may have shown less than it can.
    assert.ok(cell.encoderGflops > 0 && cell.encoderGflops < 2 * gflops, JSON.stringify({ cell, gflops }));
  }
  const held = [json.heldWithPartials, json.heldFinalsOnly];
  for (const count of held)
    assert.ok(count === 0 || count === 1, "a machine of other people's may hold none");
  const sockets = json.sockets as { heldWithPartials: number | null };
  assert.ok(held[0] === 0 || sockets.heldWithPartials !== null, "what was held is tried with sockets");
  assert.ok(lines.some((line) => line.startsWith("the goals were not measured: ")));
});

test("a model whose words say nothing is timed by a number of tokens, and its calls by what was heard", async () => {
  const small = ["--batches", "2", "--seconds", "2", "--call-seconds", "6", "--calls", "1"];
  const { json } = await bench(...small, "--tokens-per-second", "3.5", "--loads", "partials");
  const [cell] = json.cells as (Cell & { steps: number })[];
  assert.equal(cell?.steps, 6, "7 tokens");
  const [rung] = json.rungs as { calls: number; wordLagP95Ms: number }[];
  assert.ok(rung && rung.wordLagP95Ms > 0, "words were heard");
  assert.equal(json.heldFinalsOnly, null, "that load was not played");
  assert.deepEqual(json.sockets, { heldWithPartials: null, heldFinalsOnly: null, rungs: [] });
});
