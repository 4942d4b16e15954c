import assert from "node:assert/strict";
import { test } from "node:test";
import type { TranscriptPartial } from "../../src/transcript/partial.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { packetsOf, type ScriptedRecogniser, soundOf } from "./fakes.ts";
import { callOf, finalsOf, send, settle } from "./rig.ts";

/** An utterance of two parts with a pause that does not end it, then silence. */
const SPEECH = [
  { startMs: 500, endMs: 2500 },
  { startMs: 3050, endMs: 4500 },
];
const SOUND = soundOf(7000, SPEECH);

/** Plays packet by packet, as a live call comes, and lets answers arrive between them. */
async function play(
  options: Parameters<typeof callOf>[0] = {},
  meanwhile: (ms: number, recogniser: ScriptedRecogniser) => void = () => {},
  sound = SOUND,
) {
  const partials: TranscriptPartial[] = [];
  const rig = callOf({ onPartial: (partial) => partials.push(partial), ...options });
  const stream = rig.open();
  for (const packet of packetsOf(sound)) {
    send(stream, [packet]);
    meanwhile(packet.timestampMs, rig.recogniser);
    await settle();
  }
  await rig.call.end("stream_stopped");
  return { ...rig, partials, finals: finalsOf(rig.events) };
}

test("an utterance is shown while it is spoken, in its pause, and its final has the number of its partials", async () => {
  const { partials, finals } = await play();
  assert.equal(finals.length, 1);
  const ends = partials.map(({ endMs }) => endMs);
  assert.deepEqual(
    ends,
    ends.toSorted((a, b) => a - b),
  );
  assert.ok((ends[0] as number) <= 1100, `first partial hears up to ${ends[0]} ms`);
  assert.ok(ends.filter((endMs) => endMs < 2500).length >= 4, `${ends}`);
  for (const partial of partials) {
    assert.equal(partial.utterance, finals[0]?.utterance);
    assert.equal(partial.startMs, finals[0]?.startMs);
    assert.deepEqual([partial.track, partial.label, partial.callSid], ["inbound", "caller", "CA1"]);
  }
  const endpoints = partials.filter(({ endpoint }) => endpoint);
  assert.deepEqual(
    endpoints.map(({ endMs }) => Math.round(endMs / 100)),
    [28, 48],
  );
  assert.equal(endpoints[1]?.endMs, finals[0]?.endMs);
});

test("the final is the recognition that began in the pause: nothing is recognised twice", async () => {
  const { recogniser, finals } = await play({ onPartial: undefined });
  assert.equal(finals.length, 1);
  assert.deepEqual(
    recogniser.asked.map(({ priority }) => priority),
    ["final"],
  );
});

test("what was recognised in a pause after which speech went on is dropped", async () => {
  let asked = 0;
  const { recogniser } = await play({ onPartial: undefined }, (ms, { asked: now }) => {
    if (ms === 2900) asked = now.length;
    if (ms === 3200) assert.equal(now.length, 0);
  });
  assert.equal(asked, 1);
  assert.equal(recogniser.asked.length, 1);
});

test("a speculative final that was refused is asked for again as a final", async () => {
  let refusals = 0;
  const { finals } = await play({ onPartial: undefined }, (_ms, recogniser) => {
    recogniser.holding = refusals === 0;
    const speculative = recogniser.asked.find(({ priority }) => priority === "speculative");
    if (speculative && refusals === 0) {
      refusals += 1;
      speculative.refuse();
    }
  });
  assert.equal(refusals, 1);
  assert.equal(finals.length, 1);
});

test("without anybody to show them to, or while finals wait, there are no partials, and the final is the same", async () => {
  const withPartials = await play();
  const unseen = await play({ onPartial: undefined });
  const rig = callOf();
  const { recogniser } = rig;
  recogniser.partialIntervalMs = null;
  const busy = await play({ recogniser });
  assert.ok(busy.partials.every(({ endMs }) => [28, 48].includes(Math.round(endMs / 100))));
  assert.deepEqual(unseen.finals, withPartials.finals);
  assert.deepEqual(busy.finals, withPartials.finals);
});

test("a listener that fails costs the call nothing", async () => {
  const { finals } = await play({
    onPartial: () => {
      throw new Error("as the test wants");
    },
  });
  assert.equal(finals.length, 1);
});

test("an endpoint comes after the silence that is asked for", async () => {
  const endpointMs = 640;
  const { partials } = await play({ endpointMs, endpointer: { ...PROFILES.phone, silenceMs: 1200 } });
  assert.deepEqual(
    partials.filter(({ endpoint }) => endpoint).map(({ endMs }) => Math.round(endMs / 100)),
    [48],
  );
});

test("speech that resumes a second after an endpoint replaces what it showed, where finals need not be prompt", async () => {
  const paused = soundOf(8000, [
    { startMs: 500, endMs: 2500 },
    { startMs: 3500, endMs: 5000 },
  ]);
  const { partials, finals } = await play({}, undefined, paused);
  const endpoints = partials.filter(({ endpoint }) => endpoint);
  assert.deepEqual(
    endpoints.map(({ utterance, endMs }) => [utterance, Math.round(endMs / 100)]),
    [
      [1, 28],
      [1, 53],
    ],
  );
  assert.deepEqual(
    finals.map(({ utterance, text }) => [utterance, text]),
    [[1, endpoints[1]?.text]],
  );
  const prompt = await play({ endpointer: { ...PROFILES.phone, silenceMs: 700 } }, undefined, paused);
  assert.deepEqual(
    prompt.finals.map(({ utterance, endMs }) => [utterance, Math.round(endMs / 100)]),
    [
      [1, 28],
      [2, 53],
    ],
  );
});

/** A recogniser of a machine that is so busy that finals begin when they are due, if not before. */
function busyRecogniser(headStart: number): ScriptedRecogniser {
  const { recogniser } = callOf();
  recogniser.headStart = headStart;
  return recogniser;
}

test("on a busy machine a pause is shown by a partial, and nothing is recognised in one after which speech goes on", async () => {
  const speculatedAt: number[] = [];
  const recogniser = busyRecogniser(400);
  const { partials, finals } = await play({ recogniser }, (ms) => {
    if (recogniser.asked.some(({ priority }) => priority === "speculative")) speculatedAt.push(ms);
  });
  // The first pause lasts 550 ms and the final is due after 1000: only the second one came that far.
  assert.ok((speculatedAt[0] as number) >= 4500 + 600, `${speculatedAt[0]}`);
  assert.deepEqual(
    partials.filter(({ endpoint }) => endpoint).map(({ endMs }) => Math.round(endMs / 100)),
    // The second one by the partial, and once more by what will be the final.
    [28, 48, 48],
  );
  assert.equal(finals.length, 1);
  assert.equal(finals[0]?.text, (await play()).finals[0]?.text);
});

test("a final that nothing was begun for is recognised when it is due", async () => {
  const recogniser = busyRecogniser(0);
  const { finals } = await play({ recogniser, onPartial: undefined }, () => {
    assert.ok(recogniser.asked.every(({ priority }) => priority !== "speculative"));
  });
  assert.deepEqual(
    finals.map(({ text }) => text),
    (await play()).finals.map(({ text }) => text),
  );
});
