/**
 * A storage that fails in random ways, and what pulling from it must come to.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import fc from "fast-check";
import { LinescribeError } from "../../src/base/error.ts";
import { breakAfter, pullFrom, readyFiles, startHub } from "./fake-hub.ts";

const BYTES = 3000;
const RUNS_MAXIMUM = 40;

/** What the storage does with one request for the graph. */
const fault = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("break" as const), bytes: fc.nat(BYTES) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("whole" as const, "unsatisfied" as const),
      bytes: fc.nat(BYTES),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("busy" as const), bytes: fc.constant(0) }) },
);

/** Broken off at any byte and any number of times, over any number of runs, it is the same file in the end. */
export async function checkResuming(t: TestContext, numRuns: number): Promise<void> {
  const files = readyFiles("whisper-tiny", BYTES);
  const graph = files["whisper-tiny.onnx"] as Buffer;
  const hub = await startHub(t, files);
  let plan: { kind: string; bytes: number }[] = [];
  hub.onGraph = (request, response, body) => {
    const next = plan.shift();
    if (next === undefined) return false;
    if (next.kind === "busy") response.writeHead(429).end();
    else if (next.kind === "unsatisfied" && request.headers.range) response.writeHead(416).end();
    else {
      if (next.kind === "whole") delete request.headers.range;
      breakAfter(request, response, body, next.bytes);
    }
    return true;
  };
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 12 }), async (faults) => {
      plan = [...faults];
      const folder = mkdtempSync(path.join(tmpdir(), "linescribe-resume-"));
      try {
        for (let runs = 1; ; runs += 1) {
          const error = await pullFrom(hub, folder).then(
            () => null,
            (reason: unknown) => reason,
          );
          if (error === null) break;
          assert.ok(error instanceof LinescribeError && error.retryable, String(error));
          assert.match(error.message, /of 3000 bytes .* the next run goes on from there/);
          assert.ok(!existsSync(path.join(folder, "whisper-tiny.onnx")), "half a file in place");
          assert.ok(runs < RUNS_MAXIMUM);
        }
        assert.ok(readFileSync(path.join(folder, "whisper-tiny.onnx")).equals(graph));
        assert.deepEqual(readdirSync(folder).sort(), [
          "manifest.json",
          "whisper-tiny.onnx",
          "whisper-tiny.tokenizer.json",
        ]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns },
  );
}
