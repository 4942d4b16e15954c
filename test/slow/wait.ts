/**
 * Waits for something that another process does.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** Asks every 20 ms until the answer is true; throws with `what` when it is not within `timeoutMs`. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await sleep(20);
  }
}

/** What `/healthz` and `/readyz` say; not reachable is `null`. */
export async function healthOf(
  serverUrl: string,
): Promise<{ calls: number; backlogMs: number; outboxPending: number; outboxDead: number } | null> {
  return get(`${serverUrl}/healthz`) as never;
}

export async function readinessOf(
  serverUrl: string,
): Promise<{ ready: boolean; reasons: string[]; status: number } | null> {
  return get(`${serverUrl}/readyz`) as never;
}

async function get(url: string): Promise<object | null> {
  try {
    const response = await fetch(url);
    return { ...((await response.json()) as object), status: response.status };
  } catch {
    return null;
  }
}
