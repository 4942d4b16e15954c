import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { wordErrorRate } from "../../src/score/wer.ts";
import type { CallEvent } from "../../src/transcript/event.ts";
import { type Rig, startRig } from "./rig.ts";
import { sharedEngine } from "./shared-engine.ts";

let rig: Rig;
before(async () => {
  rig = await startRig({}, { engine: await sharedEngine() });
});
after(() => rig.close());

function reference(name: string): {
  tracks: Record<string, { startMs: number; endMs: number; text: string }[]>;
} {
  const file = path.resolve(import.meta.dirname, "../../fixtures/calls", `${name}.reference.json`);
  return JSON.parse(readFileSync(file, "utf8"));
}

function finals(events: CallEvent[], track: string) {
  return events.flatMap((event) =>
    event.type === "transcript.final" && event.track === track ? [event] : [],
  );
}

test("a connect call arrives as signed finals in order, with what was said", async () => {
  const report = await rig.replay("greeting-connect");
  assert.deepEqual(report.errors, []);
  const events = (await rig.receiver.ended(report.callSid)).map(({ event }) => event);
  assert.equal(rig.receiver.forged, 0);
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
  assert.equal(events[0]?.type, "call.started");
  const last = events.at(-1);
  assert.ok(last?.type === "call.ended" && last.reason === "stream_stopped");
  assert.equal(last.finals, finals(events, "inbound").length);
  assert.equal(last.gaps, 0);
  const spoken = reference("greeting-connect").tracks.inbound ?? [];
  const heard = finals(events, "inbound");
  const text = (pieces: { text: string }[]) => pieces.map((piece) => piece.text).join(" ");
  const { wer } = wordErrorRate([{ reference: text(spoken), hypothesis: text(heard) }], normalizeEnglish);
  assert.ok(wer < 0.15, `word error rate ${wer}: ${text(heard)}`);
  for (const { startMs, endMs } of spoken) {
    const middle = (startMs + endMs) / 2;
    assert.ok(
      heard.some((final) => final.startMs <= middle && final.endMs >= middle),
      `nothing at ${middle} ms`,
    );
  }
});

test("a start call keeps the two parties apart, and nothing is sent to the carrier", async () => {
  const report = await rig.replay("two-track-start", { to: "+15550100200" });
  assert.deepEqual(report.errors, []);
  const events = (await rig.receiver.ended(report.callSid)).map(({ event }) => event);
  for (const [track, label] of [
    ["inbound", "caller"],
    ["outbound", "agent"],
  ] as const) {
    const heard = finals(events, track);
    const spoken = reference("two-track-start").tracks[track] ?? [];
    assert.ok(heard.every((final) => final.label === label));
    const text = (pieces: { text: string }[]) => pieces.map((piece) => piece.text).join(" ");
    const { wer } = wordErrorRate([{ reference: text(spoken), hypothesis: text(heard) }], normalizeEnglish);
    assert.ok(wer < 0.2, `word error rate of ${track} ${wer}`);
  }
});

test("no spoken word and no whole phone number is in a debug log", () => {
  const log = rig.log.join("\n");
  assert.ok(log.includes('"call answered"'));
  assert.ok(!log.includes("5550100100") && !log.includes("5550100123"));
  const words = Object.values(reference("greeting-connect").tracks)
    .flat()
    .flatMap(({ text }) => normalizeEnglish(text).split(" "))
    .filter((word) => word.length > 6);
  for (const word of words) assert.ok(!log.toLowerCase().includes(word), `"${word}" is in the log`);
});
