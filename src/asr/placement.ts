/**
 * Where the work of an inference really ran: counted from a profile of ONNX Runtime.
 *
 * A session that was asked for a card runs every node without a kernel there on the processor, and says so nowhere else: of a
 * model that does not suit the card that may be all of them. Shapes and small integers belong on the processor, so
 * only products of matrices are counted, which are nearly all of the work.
 */
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";

/** Products of matrices that ran on each provider, for example `CUDAExecutionProvider`. */
export type Placement = ReadonlyMap<string, number>;

const PRODUCTS = new Set([
  "MatMul",
  "Gemm",
  "FusedMatMul",
  "FusedGemm",
  "MatMulNBits",
  "Attention",
  "MultiHeadAttention",
  "DecoderMaskedMultiHeadAttention",
]);
/** One short inference of whisper-base has 0.5 MB, of large-v3 some 3 MB. */
const MAXIMUM_BYTES = 64 << 20;
/** Of the products; a graph that is made for cards has all of them there. */
const SUFFICIENT_SHARE = 0.9;

const profile = z.array(
  z.looseObject({
    cat: z.string().optional(),
    args: z.looseObject({ provider: z.string().optional(), op_name: z.string().optional() }).optional(),
  }),
);

/** @throws {Error} when the file is no profile. */
export async function readPlacement(file: string): Promise<Placement> {
  if ((await stat(file)).size > MAXIMUM_BYTES) throw new Error("the profile is too long");
  const placement = new Map<string, number>();
  for (const { cat, args } of profile.parse(JSON.parse(await readFile(file, "utf8")))) {
    if (cat !== "Node" || !args?.provider || !PRODUCTS.has(args.op_name ?? "")) continue;
    placement.set(args.provider, (placement.get(args.provider) ?? 0) + 1);
  }
  return placement;
}

/** Whether the work ran where it should. Without any work nothing is proven. */
export function ranOn(placement: Placement, provider: string): boolean {
  const all = [...placement.values()].reduce((sum, count) => sum + count, 0);
  return all > 0 && (placement.get(provider) ?? 0) >= SUFFICIENT_SHARE * all;
}

/** `CPUExecutionProvider 103`, for messages. */
export function showPlacement(placement: Placement): string {
  return [...placement].map(([provider, count]) => `${provider} ${count}`).join(", ") || "nowhere";
}
