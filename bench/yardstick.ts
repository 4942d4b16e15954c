/**
 * How fast this machine multiplies float32 matrices in ONNX Runtime: what speed limits are scaled by.
 */
import os from "node:os";
import { InferenceSession, Tensor } from "onnxruntime-node";

/** `c = MatMul(a, b)`, opset 13, made with onnx.helper. */
const MODEL =
  "CAg6WwoRCgFhCgFiEgFjIgZNYXRNdWwSAWdaFQoBYRIQCg4IARIKCgMSAU0KAxIBS1oVCgFiEhAKDggBEgoKAxIBSwoDEgFOYhUKAWMSEAoOCAESCgoDEgFNCgMSAU5CBAoAEA0=";
const [M, K, N] = [448, 512, 2048];
const RUNS = 60;

/** GFLOP/s of a 448 x 512 x 2048 product on `threads` threads: of the best run, so that neighbours do not count. */
export async function machineGflops(threads: number): Promise<number> {
  const session = await InferenceSession.create(Buffer.from(MODEL, "base64"), { intraOpNumThreads: threads });
  const feeds = {
    a: new Tensor("float32", new Float32Array(M * K).fill(0.5), [M, K]),
    b: new Tensor("float32", new Float32Array(K * N).fill(0.25), [K, N]),
  };
  let bestMs = Infinity;
  for (let run = 0; run < RUNS; run++) {
    const startedAt = performance.now();
    await session.run(feeds);
    bestMs = Math.min(bestMs, performance.now() - startedAt);
  }
  await session.release();
  return (2 * M * K * N) / bestMs / 1e6;
}

/** Processor, cores and Node, for the head of a table. */
export function machineName(): string {
  return `${os.cpus()[0]?.model.trim() ?? "unknown processor"}, ${os.availableParallelism()} cores, Node ${process.version}`;
}

/** Two cores with AVX-512: what limits and floors are said for. */
export const REFERENCE_GFLOPS = 360;

/** A slower machine owes as much less as its own float32 speed, measured in the same run, is less. */
export function owedShare(gflops: number): number {
  return Math.min(1, gflops / REFERENCE_GFLOPS);
}
