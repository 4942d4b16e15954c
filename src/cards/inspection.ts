/**
 * Everything that is between us and a card, looked at once: findings for people, and the cards that can be used.
 */
import type { Card } from "./card.ts";
import { findCards } from "./driver.ts";
import type { Finding } from "./finding.ts";
import { runOn, showArchitecture } from "./kernels.ts";
import type { Machine } from "./machine.ts";
import { inspectProvider, type Provider, showKernels } from "./provider.ts";

export interface Wanted {
  /** Indices as CUDA counts; null is every card. */
  readonly cards: readonly number[] | null;
  /** Size of the model's file; 0 when there is none yet. */
  readonly modelBytes: number;
}

export interface Inspection {
  /** Of driver, cards, provider and libraries, in this order; at least one. */
  readonly findings: readonly Finding[];
  /** Cards that are wanted and have no fault; none when provider or libraries have one. */
  readonly usable: readonly Card[];
}

const GIBIBYTE_BYTES = 1 << 30;
/**
 * What a card needs beside the weights: CUDA's own context and libraries and the arena of a batch. Chosen, not measured.
 */
const BESIDE_WEIGHTS_BYTES = 1.5 * GIBIBYTE_BYTES;

/**
 * First driver of each version of CUDA.
 *
 * @see https://docs.nvidia.com/deploy/cuda-compatibility/ minor version compatibility
 */
const FIRST_DRIVERS: ReadonlyMap<number, number> = new Map([
  [12, 525],
  [13, 580],
]);

/** Free memory that a card must have before a model of so many bytes is loaded into it. */
export function neededBytes(modelBytes: number): number {
  return modelBytes + BESIDE_WEIGHTS_BYTES;
}

/** Blocks nothing; takes as long as `nvidia-smi` does, which is seconds where no program keeps the driver awake. */
export async function inspectCards(machine: Machine, wanted: Wanted): Promise<Inspection> {
  const [{ cards, finding }, provider] = await Promise.all([findCards(machine), inspectProvider(machine)]);
  const driver = driverFault(cards[0], provider) ?? finding;
  const each =
    cards.length > 0 ? chosen(cards, wanted).map((card) => inspectCard(card, provider, wanted)) : [];
  const findings = [driver, ...each.map((one) => one.finding), ...provider.findings];
  const common = [driver, ...provider.findings].some(({ fault }) => fault);
  const usable = each.flatMap((one) => (one.card && !one.finding.fault ? [one.card] : []));
  return { findings, usable: common ? [] : usable };
}

/** A driver that is too old for the CUDA of the provider, unless a newer one's libraries stand in for its own. */
function driverFault(card: Card | undefined, { cudaMajor, driverLibrary }: Provider): Finding | null {
  const first = cudaMajor === null ? undefined : FIRST_DRIVERS.get(cudaMajor);
  if (!card || first === undefined || Number.parseInt(card.driver, 10) >= first) return null;
  if (driverLibrary && /compat/.test(driverLibrary)) return null;
  return {
    check: "driver",
    found: `NVIDIA driver ${card.driver} is too old for CUDA ${cudaMajor}`,
    fault: {
      code: "CARD_OLD_DRIVER",
      remedy: `install driver ${first} or newer, or a provider library for an older CUDA, see docs/gpu.md`,
    },
  };
}

function chosen(cards: readonly Card[], { cards: wanted }: Wanted): readonly (Card | number)[] {
  if (wanted === null) return cards;
  return wanted.map((index) => cards[index] ?? index);
}

interface Inspected {
  card: Card | null;
  finding: Finding;
}

function inspectCard(card: Card | number, { kernels }: Provider, { modelBytes }: Wanted): Inspected {
  if (typeof card === "number") {
    const found = `asr.cards names card ${card}, and there is none`;
    const remedy = "name cards by the indices of nvidia-smi -L, from 0, or leave asr.cards out for all";
    return { card: null, finding: { check: "card", found, fault: { code: "CARD_NOT_THERE", remedy } } };
  }
  const found = `card ${card.index}: ${card.name}, ${memoryText(card)}, compute capability ${showArchitecture(card.architecture)}`;
  const finding = { check: `card ${card.index}`, found };
  if (!runOn(kernels, card.architecture)) {
    const remedy = `the provider library has kernels for ${showKernels(kernels)}: use another card, or the CPU`;
    return { card, finding: { ...finding, fault: { code: "CARD_UNSUPPORTED", remedy } } };
  }
  const needed = neededBytes(modelBytes);
  if (card.freeBytes !== null && card.freeBytes < needed) {
    const remedy = `${gibibytes(needed)} must be free for this model: end what else uses the card, take another card or a smaller model`;
    return { card, finding: { ...finding, fault: { code: "CARD_NO_MEMORY", remedy } } };
  }
  return { card, finding };
}

function memoryText({ totalBytes, freeBytes }: Card): string {
  if (totalBytes === null || freeBytes === null) return "memory unknown";
  return `${gibibytes(freeBytes)} of ${gibibytes(totalBytes)} free`;
}

function gibibytes(bytes: number): string {
  return `${(bytes / GIBIBYTE_BYTES).toFixed(1)} GiB`;
}
