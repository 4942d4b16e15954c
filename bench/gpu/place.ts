/**
 * Where a bench runs: a card of this machine, or its processor; and what that can do at most.
 */
import { cardMachine } from "../../src/app/card-machine.ts";
import type { Device } from "../../src/asr/device.ts";
import type { Card } from "../../src/cards/card.ts";
import { findCards } from "../../src/cards/driver.ts";
import { errorOf } from "../../src/cards/finding.ts";
import { machineGbs, machineGflops } from "../yardstick.ts";
import { type Peak, peakOf } from "./cards.ts";
import type { GpuOptions } from "./options.ts";

export interface Place {
  device: Device;
  /** Null on the processor. */
  card: Pick<Card, "name" | "uuid" | "driver" | "totalBytes"> | null;
}

/**
 * @param wanted - Null: the first card.
 * @throws {RangeError} when the driver does not tell of it.
 */
export async function findPlace(wanted: Device | null): Promise<Place> {
  if (wanted?.kind === "cpu") return { device: wanted, card: null };
  const { cards, finding } = await findCards(cardMachine());
  const card = wanted ? cards.find(({ index }) => index === wanted.card) : cards[0];
  if (!card) {
    const why = errorOf(finding)?.message ?? `${finding.found}, none of which is the one that was asked for`;
    throw new RangeError(`Expected a card: ${why}. The processor is measured with --device cpu`);
  }
  // By default CUDA counts from the fastest card on, and nvidia-smi by their places.
  process.env.CUDA_DEVICE_ORDER = "PCI_BUS_ID";
  return { device: { kind: "cuda", card: card.index }, card };
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
