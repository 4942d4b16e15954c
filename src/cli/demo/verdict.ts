/**
 * Whether a demo proved what it is there to prove.
 */
import { type CallEvent, webhookBody } from "../../transcript/event.ts";
import { type Comparison, compare } from "./comparison.ts";
import type { Fixture } from "./reference.ts";
import type { DemoRun } from "./run.ts";

/** Word error rate from which on the demo fails. */
const WER_LIMIT = 0.15;

export interface Verdict {
  comparison: Comparison;
  /** Finals in the store, and those of them that arrived signed and word for word. */
  finals: number;
  arrived: number;
  /** Delays of all rows, in ms. */
  delayMs: { p50: number; p95: number } | null;
  /** Why the demo failed; empty when it did not. */
  faults: string[];
}

export function judge(run: DemoRun, { spoken, call }: Fixture): Verdict {
  const first = firstArrivals(run);
  const finals = run.committed.filter((event) => event.type === "transcript.final");
  const heard = finals.flatMap((event) => {
    const arrival = first.get(event.id);
    return arrival ? [{ ...event, arrivedAt: arrival.arrivedAt }] : [];
  });
  const { startedAt } = run;
  const comparison = compare(spoken, heard, { startedAt, language: call.language });
  const delays = comparison.rows.flatMap(({ delayMs }) => (delayMs === null ? [] : [delayMs]));
  return {
    comparison,
    finals: finals.length,
    arrived: heard.length,
    delayMs: delays.length > 0 ? { p50: percentile(delays, 0.5), p95: percentile(delays, 0.95) } : null,
    faults: [...deliveryFaults(run, first), ...recognitionFaults(comparison, finals.length)],
  };
}

function firstArrivals({ received }: DemoRun): Map<string, { body: string; arrivedAt: number }> {
  const first = new Map<string, { body: string; arrivedAt: number }>();
  for (const { event, body, arrivedAt } of received) {
    if (!first.has(event.id)) first.set(event.id, { body, arrivedAt });
  }
  return first;
}

function deliveryFaults(run: DemoRun, first: ReadonlyMap<string, { body: string }>): string[] {
  const { committed, received, refused, report } = run;
  const faults = report.errors.map(({ code, message }) => `the carrier reports ${code}: ${message}`);
  if (report.aborted) faults.push("the call was cut short");
  const lost = committed.filter((event) => first.get(event.id)?.body !== webhookBody(event));
  if (lost.length > 0)
    faults.push(`${lost.length} of ${committed.length} events did not arrive signed and as stored`);
  if (refused > 0) faults.push(`${refused} webhooks had no valid signature`);
  if (!isInOrder(received.map(({ event }) => event))) faults.push("events did not arrive in their order");
  const last = received.at(-1)?.event;
  if (last?.type !== "call.ended") faults.push("call.ended did not come last");
  else if (last.sequence !== committed.length) faults.push("call.ended does not count all events");
  return faults;
}

/** Repeats of the event before are allowed: delivery is at least once. */
function isInOrder(events: readonly CallEvent[]): boolean {
  return events.every(({ sequence }, index) => {
    const before = events[index - 1]?.sequence ?? 0;
    return sequence === before + 1 || (index > 0 && sequence === before);
  });
}

function recognitionFaults({ total }: Comparison, finals: number): string[] {
  if (finals === 0) return ["nothing was heard"];
  if (total.wer < WER_LIMIT) return [];
  return [`the word error rate is ${(total.wer * 100).toFixed(1)} %, not under ${WER_LIMIT * 100} %`];
}

/** Nearest rank. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
}
