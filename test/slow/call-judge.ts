/**
 * Holds the calls of a kill run against what the carrier sent of them.
 */
import { openStore } from "../../src/store/store.ts";
import { TRACKS } from "../../src/transcript/event.ts";
import type { FlakyReceiver } from "./flaky-receiver.ts";
import { type Delivery, judgeCall, type SpokenTracks } from "./oracle.ts";
import type { PlacedCall } from "./traffic.ts";

/** A stream that the server has not read from for this long when it is killed is a fault: a second under full load. */
const UNREAD_MS = 1000;

export interface Totals {
  calls: number;
  finals: number;
  gaps: number;
  duplicates: number;
  faults: string[];
}

/**
 * Where the recording has speech on the call's own clock, and how far it was sent. Media time 0 is the first start that
 * the server read; the carrier may have sent one before, to a server that was killed before it read it.
 */
function onCallClock(
  { streams, script, sentUntilMs }: PlacedCall,
  mediaStartAt: number | null,
  faults: string[],
): { spoken: SpokenTracks; sentUntilMs: number } {
  const isUnread = ({ endedAt }: PlacedCall["streams"][number]) =>
    endedAt !== null && endedAt < (mediaStartAt ?? Infinity);
  const unread = streams.filter(isUnread);
  for (const { startedAt, endedAt } of unread) {
    const livedMs = (endedAt ?? startedAt) - startedAt;
    if (livedMs > UNREAD_MS) faults.push(`the server never read the start of a stream of ${livedMs} ms`);
  }
  const first = streams[unread.length];
  const shiftMs = first && streams[0] ? first.startedAt - streams[0].startedAt : Infinity;
  const spoken: SpokenTracks = {};
  for (const track of TRACKS) {
    spoken[track] = (script.fixture.spoken[track] ?? []).map(({ startMs, endMs }) => ({
      startMs: Math.max(0, startMs - shiftMs),
      endMs: endMs - shiftMs,
    }));
  }
  return { spoken, sentUntilMs: sentUntilMs - shiftMs };
}

/** Adds to `totals` what is found; a call that the server never answered may be unknown to it. */
export function judgeCalls(
  storePath: string,
  receiver: FlakyReceiver,
  calls: readonly PlacedCall[],
  totals: Totals,
): void {
  const store = openStore({ path: storePath });
  for (const call of calls) {
    const deliveries = receiver.of(call.callSid);
    const offered = call.report?.verbs.some((verb) => verb === "Connect" || verb === "Start");
    if (deliveries.length === 0 && !offered) continue;
    const faults: string[] = [];
    const mediaStartAt = store.call(call.callSid)?.mediaStartAt ?? null;
    const verdict = judgeCall({ deliveries, ...onCallClock(call, mediaStartAt, faults) });
    faults.push(...verdict.faults);
    totals.calls += 1;
    totals.finals += verdict.finals;
    totals.gaps += verdict.gaps;
    totals.duplicates += verdict.duplicates;
    if (faults.length > 0) totals.faults.push(storyOf(call, deliveries, mediaStartAt, faults));
  }
  store.close();
}

function storyOf(
  { callSid, script, streams, sentUntilMs }: PlacedCall,
  deliveries: readonly Delivery[],
  mediaStartAt: number | null,
  faults: readonly string[],
): string {
  const lives = streams.map(({ startedAt, endedAt }) =>
    [startedAt, endedAt].map((at) => (at ?? Number.NaN) - (mediaStartAt ?? Number.NaN)).join(" to "),
  );
  const { name } = script.fixture.call;
  return [
    `${callSid} ${name}, streams ${lives.join(", ")}, sent to ${sentUntilMs} ms:`,
    ...faults.map((fault) => `  ${fault}`),
    ...deliveries.map(({ event }) => `    ${brief(event)}`),
  ].join("\n");
}

function brief(event: object): string {
  const { type, sequence, track, startMs, endMs, cause, text, reason } = event as Record<string, unknown>;
  return [sequence, type, track, startMs, endMs, cause, text, reason]
    .filter((part) => part !== undefined)
    .join(" ");
}
