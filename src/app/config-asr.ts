/**
 * The section `asr` of the configuration: which models recognise, and on what.
 */
import { z } from "zod";

const cards = z
  .array(z.int().min(0).max(63))
  .min(1)
  .max(64)
  .refine((list) => new Set(list).size === list.length, { error: "names a card twice" });

export const asrSchema = z
  .strictObject({
    /** Name in models/manifest.json, of a model for processors. */
    model: z.string().default("whisper-base"),
    /** Of a model for CUDA cards; without one nothing runs on cards. */
    cudaModel: z.string().optional(),
    /** `auto`: cards where they can be used, else the processor; `cuda`: no start without them; see docs/gpu.md. */
    device: z.enum(["auto", "cpu", "cuda"]).default("auto"),
    /** Indices of the cards that are used, as `nvidia-smi -L` counts; all when left out. */
    cards: cards.optional(),
    /** Worker threads with a session each, on processors; 0 chooses from the machine. A card has one. */
    workers: z.int().min(0).max(64).default(0),
    /** Inference threads of each worker; 0 chooses from the machine. */
    threads: z.int().min(0).max(64).default(0),
    beam: z.int().min(1).max(5).default(3),
  })
  .superRefine(({ device, cudaModel }, context) => {
    if (device !== "cuda" || cudaModel !== undefined) return;
    const message = 'needed with device "cuda": the name of a model for cards, see docs/gpu.md';
    context.addIssue({ code: "custom", path: ["cudaModel"], message });
  });

export type AsrConfig = z.infer<typeof asrSchema>;
