/**
 * Where a bench runs: a card of this machine, or its processor; and what that can do at most.
 */
import type { Device } from "../../src/asr/device.ts";
import { machineGbs, machineGflops } from "../yardstick.ts";
import { type Peak, peakOf } from "./cards.ts";
import { type Card, readCards } from "./nvidia-smi.ts";
import type { GpuOptions } from "./options.ts";

export interface Place {
  device: Device;
  /** What the driver says of the card; null without a card or a driver that tells. */
  card: Card | null;
}

/**
 * @param wanted - Null: the first card.
 * @throws {RangeError} when none was asked for and the driver tells of none.
 */
export async function findPlace(wanted: Device | null): Promise<Place> {
  if (wanted?.kind === "cpu") return { device: wanted, card: null };
  const cards = await readCards();
  const index = wanted?.card ?? cards[0]?.index;
  if (index === undefined) {
    throw new RangeError(
      "Expected a card, but nvidia-smi tells of none: give --device cpu, or cuda to try all the same",
    );
  }
  // By default CUDA counts from the fastest card on, and nvidia-smi by their places.
  process.env.CUDA_DEVICE_ORDER = "PCI_BUS_ID";
  return {
    device: { kind: "cuda", card: index },
    card: cards.find((card) => card.index === index) ?? null,
  };
}

/** Peaks that were given, of a known card, or of this processor as measured; null where none is known. */
export async function peakOfPlace(
  { device, card }: Place,
  { peakGflops, peakGbs }: Pick<GpuOptions, "peakGflops" | "peakGbs">,
  threads: number,
): Promise<Peak | null> {
  const known = device.kind === "cpu" ? await measured(threads) : card && peakOf(card.name);
  const gflops = peakGflops ?? known?.gflops;
  const gbs = peakGbs ?? known?.gbs;
  if (gflops === undefined || gbs === undefined) return null;
  const given = [peakGflops && "--peak-tflops", peakGbs && "--peak-gbs"].filter(Boolean);
  const source = [...given, ...(given.length < 2 ? [known?.source] : [])].join(", ");
  return { gflops, gbs, source };
}

async function measured(threads: number): Promise<Peak> {
  return {
    gflops: await machineGflops(threads),
    gbs: await machineGbs(threads),
    source: `measured, ${threads} thread(s): float32 products, reading a matrix once`,
  };
}
