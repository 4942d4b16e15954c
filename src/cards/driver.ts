/**
 * Asks the driver for its cards, and finds out why it has none.
 */
import { messageOf } from "../base/error.ts";
import { type Card, parseCards, QUERY, shown, visibleCards } from "./card.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const CHECK = "driver";

/** @returns The cards that CUDA will see; with none, the finding says why. */
export async function findCards(machine: Machine): Promise<{ cards: Card[]; finding: Finding }> {
  const none = (found: string, remedy: string) => ({
    cards: [],
    finding: { check: CHECK, found, fault: { code: "CARD_NO_DRIVER", remedy } as const },
  });
  const answer = await machine.askDriver(QUERY);
  if (answer === null) return none(...(await withoutProgram(machine)));
  if (answer.exitCode !== 0) {
    const what = answer.exitCode === null ? "does not answer" : `failed with exit code ${answer.exitCode}`;
    const remedy = "run nvidia-smi by hand; after an update of the driver the machine must be started again";
    return none(`nvidia-smi ${what}: ${shown(answer.output)}`, remedy);
  }
  let cards: Card[];
  try {
    cards = parseCards(answer.output);
  } catch (error) {
    return none(`nvidia-smi answers what we do not understand: ${messageOf(error)}`, "update the driver");
  }
  const { visibleDevices } = machine;
  const visible = visibleCards(cards, visibleDevices);
  const [first] = visible;
  if (first) return { cards: visible, finding: { check: CHECK, found: driverText(first, visible.length) } };
  return cards.length === 0
    ? none("the driver tells of no card", "put in an NVIDIA card, or pass one through to this container")
    : none(
        `CUDA_VISIBLE_DEVICES=${shown(visibleDevices ?? "")} hides all ${cards.length} cards`,
        "start the program without it, or with the indices or UUIDs of cards that nvidia-smi -L lists",
      );
}

function driverText({ driver }: Card, count: number): string {
  return `NVIDIA driver ${driver} tells of ${count === 1 ? "1 card" : `${count} cards`}`;
}

async function withoutProgram(machine: Machine): Promise<[string, string]> {
  const driver = await machine.driverVersion();
  return driver === null
    ? ["no NVIDIA driver", "install NVIDIA's driver; in a container, start it with the cards (--gpus all)"]
    : [
        `there is a driver (${shown(driver)}) but no nvidia-smi`,
        "install nvidia-utils; in a container, set NVIDIA_DRIVER_CAPABILITIES=compute,utility",
      ];
}
