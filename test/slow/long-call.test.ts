/**
 * A call of 65 minutes as fast as the server takes it, and one call at two speeds.
 */
import assert from "node:assert/strict";
import os from "node:os";
import { after, before, test } from "node:test";
import { MULAW_SILENCE } from "../../src/audio/g711.ts";
import { PHONE_SAMPLES_PER_MS } from "../../src/base/time.ts";
import { replayCall } from "../../src/cli/replay/replay.ts";
import { callFromSounds } from "../../src/cli/replay/sound-call.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import type { CallEvent } from "../../src/transcript/event.ts";
import { AUTH_TOKEN, type Rig, startRig } from "../e2e/rig.ts";
import { loadFixture, soundOf } from "./fixture.ts";
import { type Interval, judgeCall } from "./oracle.ts";
import { PUBLIC_URL } from "./settings.ts";
import { healthOf } from "./wait.ts";

const MINUTE_MS = 60_000;
const CALL_MS = 65 * MINUTE_MS;
/** Where a clip begins: at the start, within, and so that its last word is the last sound of the call. */
const MIDDLE_MS = 31 * MINUTE_MS + 7_040;
/** Server, models, recording and replayer together; a model for each of the workers, of which there are four at most. */
const RSS_MAXIMUM_BYTES = (0.8 + 0.7 * Math.min(4, os.availableParallelism())) * 2 ** 30;
/**
 * The replayer pauses above 10 s and asks after each 2 s of media; an utterance that ends counts as waiting for
 * recognition with its whole length, 20 s at most.
 */
const BACKLOG_MAXIMUM_MS = 10_000 + 2_000 + 20_000;
const EDGE_MS = 300;
/** At full speed utterances are recognised side by side, and 8-bit activations are scaled over all of them. */
const CONFIDENCE_NOISE = 0.02;

let rig: Rig;
before(async () => {
  rig = await startRig();
});
after(() => rig.close());

type Final = Extract<CallEvent, { type: "transcript.final" }>;

function finalsOf(events: readonly { event: CallEvent }[]): Final[] {
  return events.flatMap(({ event }) => (event.type === "transcript.final" ? [event] : []));
}

/** Looks every 100 ms at how far the server is behind; returns the most that it was. */
function watchBacklog(url: string): () => number {
  let most = 0;
  const timer = setInterval(async () => {
    most = Math.max(most, (await healthOf(url))?.backlogMs ?? 0);
  }, 100);
  return () => {
    clearInterval(timer);
    return most;
  };
}

test("a call of 65 minutes is transcribed to its end, with true times and bounded memory", async () => {
  const { call: recorded, spoken } = await loadFixture("greeting-connect");
  const clip = soundOf(recorded, "inbound");
  const clipMs = clip.length / PHONE_SAMPLES_PER_MS;
  const beginsMs = [0, MIDDLE_MS, CALL_MS - clipMs];
  const sound = new Uint8Array(CALL_MS * PHONE_SAMPLES_PER_MS).fill(MULAW_SILENCE);
  for (const atMs of beginsMs) sound.set(clip, atMs * PHONE_SAMPLES_PER_MS);
  const pieces: Interval[] = beginsMs.flatMap((atMs) =>
    (spoken.inbound ?? []).map(({ startMs, endMs }) => ({ startMs: atMs + startMs, endMs: atMs + endMs })),
  );

  const startedAt = Date.now();
  const mostBacklogMs = watchBacklog(rig.server.url);
  const report = await replayCall({
    voiceUrl: `${rig.server.url}/twilio/voice`,
    publicUrl: PUBLIC_URL,
    authToken: AUTH_TOKEN,
    call: callFromSounds([sound], { mode: "connect" }),
    speed: "max",
  });
  const deliveries = await rig.receiver.ended(report.callSid, MINUTE_MS);
  const backlogMs = mostBacklogMs();
  const rssBytes = process.resourceUsage().maxRSS * 1024;
  console.log(
    `${CALL_MS / MINUTE_MS} minutes in ${Date.now() - startedAt} ms, backlog at most ${backlogMs} ms, ` +
      `RSS at most ${Math.round(rssBytes / 2 ** 20)} MiB`,
  );

  assert.deepEqual(report.errors, []);
  const verdict = judgeCall({ deliveries, spoken: { inbound: pieces }, sentUntilMs: Infinity });
  assert.deepEqual(verdict.faults, []);
  assert.equal(verdict.gaps, 0);
  const ended = deliveries.at(-1)?.event;
  assert.ok(ended?.type === "call.ended" && ended.reason === "stream_stopped");
  assert.ok(Math.abs(ended.durationMs - CALL_MS) <= 20, `the call lasted ${ended.durationMs} ms`);
  assertSameTimes(finalsOf(deliveries), beginsMs);
  assert.ok(backlogMs <= BACKLOG_MAXIMUM_MS, `the server was ${backlogMs} ms behind`);
  assert.ok(rssBytes < RSS_MAXIMUM_BYTES, `RSS ${rssBytes}`);
});

/** The same clip was heard at the same places, and had the same words, each time that it was played. */
function assertSameTimes(finals: readonly Final[], beginsMs: readonly number[]): void {
  const [first = [], ...others] = beginsMs.map((atMs, index) =>
    finals
      .filter(({ startMs }) => startMs >= atMs && startMs < (beginsMs[index + 1] ?? Infinity))
      .map((final) => ({ ...final, startMs: final.startMs - atMs, endMs: final.endMs - atMs })),
  );
  assert.ok(first.length > 0);
  for (const other of others) {
    assert.deepEqual(
      other.map(({ text }) => normalizeEnglish(text)),
      first.map(({ text }) => normalizeEnglish(text)),
    );
    for (const [index, final] of other.entries()) {
      const { startMs, endMs } = first[index] as Final;
      const errorMs = Math.max(Math.abs(final.startMs - startMs), Math.abs(final.endMs - endMs));
      assert.ok(errorMs <= EDGE_MS, `"${final.text}" is ${errorMs} ms off`);
    }
  }
}

test("a call in real time and at full speed has the same finals", async () => {
  const finals: Final[][] = [];
  for (const speed of [1, "max"] as const) {
    const { callSid } = await rig.replay("greeting-connect", { speed });
    finals.push(finalsOf(await rig.receiver.ended(callSid)));
  }
  const [real = [], fast = []] = finals;
  assert.ok(real.length > 0);
  const said = ({ utterance, startMs, endMs, text, language }: Final) => [
    utterance,
    startMs,
    endMs,
    text,
    language,
  ];
  assert.deepEqual(real.map(said), fast.map(said));
  for (const [index, { confidence }] of real.entries()) {
    const difference = Math.abs(confidence - (fast[index] as Final).confidence);
    assert.ok(difference <= CONFIDENCE_NOISE, `confidences differ by ${difference}`);
  }
});
