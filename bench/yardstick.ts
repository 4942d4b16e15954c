/**
 * How fast this machine multiplies float32 matrices in ONNX Runtime, and how fast it reads memory: what speed limits are
 * scaled by.
 */
import os from "node:os";
import { InferenceSession, Tensor } from "onnxruntime-node";

/** `c = MatMul(a, b)`, opset 13, made with onnx.helper. */
const MODEL =
  "CAg6WwoRCgFhCgFiEgFjIgZNYXRNdWwSAWdaFQoBYRIQCg4IARIKCgMSAU0KAxIBS1oVCgFiEhAKDggBEgoKAxIBSwoDEgFOYhUKAWMSEAoOCAESCgoDEgFNCgMSAU5CBAoAEA0=";
/** Of a product: [m, k] times [k, n]. */
type Shape = readonly [m: number, k: number, n: number];
const PRODUCT: Shape = [448, 512, 2048];
const PRODUCT_RUNS = 60;
/** One row times a matrix of 256 MB, more than any cache holds: its time is that of reading the matrix. */
const READING: Shape = [1, 1024, 65_536];
const READING_RUNS = 8;

/** GFLOP/s of a 448 x 512 x 2048 product on `threads` threads: of the best run, so that neighbours do not count. */
export async function machineGflops(threads: number): Promise<number> {
  const [m, k, n] = PRODUCT;
  return (2 * m * k * n) / (await bestMs(PRODUCT, threads, PRODUCT_RUNS)) / 1e6;
}

/** GB/s (1e9 bytes) at which `threads` threads read memory, of the best run. */
export async function machineGbs(threads: number): Promise<number> {
  const [, k, n] = READING;
  return (k * n * Float32Array.BYTES_PER_ELEMENT) / (await bestMs(READING, threads, READING_RUNS)) / 1e6;
}

async function bestMs([m, k, n]: Shape, threads: number, runs: number): Promise<number> {
  const session = await InferenceSession.create(Buffer.from(MODEL, "base64"), { intraOpNumThreads: threads });
  const feeds = {
    a: new Tensor("float32", new Float32Array(m * k).fill(0.5), [m, k]),
    b: new Tensor("float32", new Float32Array(k * n).fill(0.25), [k, n]),
  };
  let best = Infinity;
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - startedAt);
  }
  await session.release();
  return best;
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
