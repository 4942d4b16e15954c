import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { RecognisedText, RecognitionJob, RecognitionRequest } from "../../src/call/ports.ts";
import { TrackLanguage } from "../../src/call/track-language.ts";
import { type Interval, packetsOf, ScriptedRecogniser, soundOf } from "./fakes.ts";
import { callOf, finalsOf, send, settle } from "./rig.ts";

interface Spoken {
  ms: number;
  language: string;
}

/** What is asked of the recogniser before each utterance, and after the last. */
function asked(first: string, utterances: readonly Spoken[]): string[] {
  const track = new TrackLanguage(first);
  return [
    track.current,
    ...utterances.map(({ ms, language }) => {
      track.heard(language, ms);
      return track.current;
    }),
  ];
}

const spoken = (ms: number, language: string): Spoken => ({ ms, language });

test("a language that was asked for is kept, whatever is heard", () => {
  const track = new TrackLanguage("es");
  track.heard("fr", 9000);
  assert.equal(track.current, "es");
  assert.equal(track.excludes("fr"), false);
});

test("3 s of speech tell the language, and so do two utterances of half as much that agree", () => {
  assert.deepEqual(asked("auto", [spoken(3000, "fr"), spoken(9000, "en")]), ["auto", "fr", "fr"]);
  assert.deepEqual(asked("auto", [spoken(2999, "fr"), spoken(1500, "fr")]), ["auto", "auto", "fr"]);
});

test("utterances that disagree tell nothing, and short ones are not asked", () => {
  const disagreeing = [spoken(2000, "fr"), spoken(2000, "en"), spoken(2000, "fr")];
  assert.deepEqual(asked("auto", disagreeing), ["auto", "auto", "auto", "auto"]);
  assert.deepEqual(asked("auto", [spoken(1499, "cy"), spoken(1499, "cy")]), ["auto", "auto", "auto"]);
  const between = [spoken(1500, "fr"), spoken(400, "cy"), spoken(1500, "fr")];
  assert.deepEqual(asked("auto", between), ["auto", "auto", "auto", "fr"]);
});

/** Hears a language per utterance, told apart by their lengths, each answer after so many turns of the event loop. */
class Polyglot extends ScriptedRecogniser {
  readonly heard: { language: string; priority: RecognitionRequest["priority"] }[] = [];
  readonly #languageOf: (samples: number) => string;
  readonly #turns: readonly number[];
  broken = false;

  constructor(languageOf: (samples: number) => string, turns: readonly number[] = [0]) {
    super();
    this.#languageOf = languageOf;
    this.#turns = turns;
  }

  override submit({ pcm16k, language, priority }: RecognitionRequest): RecognitionJob {
    const turns = this.#turns[this.heard.length % this.#turns.length] as number;
    this.heard.push({ language, priority });
    const spokenIn = language === "auto" ? this.#languageOf(pcm16k.length) : language;
    const text = `${spokenIn} ${pcm16k.length}`;
    const result = { text, logprob: -0.1, noSpeech: 0, language: spokenIn, words: [] };
    return { answer: this.#after(turns, result), promote() {}, drop() {} };
  }

  async #after(turns: number, text: RecognisedText): Promise<RecognisedText> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (this.broken) throw new Error("as the test wants");
    return text;
  }
}

const PAUSE_MS = 2016;

/** Sound of utterances, and who hears it: lengths tell them apart, so that no two may be equal. */
function soundWith(utterances: readonly Spoken[]) {
  const intervals: Interval[] = [];
  for (const { ms } of utterances) {
    const startMs = (intervals.at(-1)?.endMs ?? -1000) + PAUSE_MS;
    intervals.push({ startMs, endMs: startMs + ms });
  }
  const nearest = (samples: number): string => {
    const ms = samples / 16 - 600;
    return utterances.toSorted((a, b) => Math.abs(a.ms - ms) - Math.abs(b.ms - ms))[0]?.language ?? "";
  };
  return { sound: soundOf((intervals.at(-1)?.endMs ?? 0) + PAUSE_MS, intervals), nearest };
}

async function finalsWith(utterances: readonly Spoken[], turns: readonly number[], live: boolean) {
  const { sound, nearest } = soundWith(utterances);
  const recogniser = new Polyglot(nearest, turns);
  const rig = callOf({ recogniser, modelLanguage: "auto", language: "auto" });
  const stream = rig.open();
  for (const packet of packetsOf(sound, [500])) {
    send(stream, [packet]);
    if (live) await settle();
  }
  await rig.call.end("stream_stopped");
  return { finals: finalsOf(rig.events), heard: recogniser.heard, events: rig.events };
}

test("once it is settled the recogniser is asked for that language, and finals carry it", async () => {
  const utterances = [spoken(700, "cy"), spoken(3300, "fr"), spoken(1500, "en"), spoken(2200, "en")];
  const { finals, heard, events } = await finalsWith(utterances, [0], true);
  assert.deepEqual(
    finals.map(({ language }) => language),
    ["cy", "fr", "fr", "fr"],
  );
  assert.deepEqual(
    heard.map(({ language }) => language),
    ["auto", "auto", "fr", "fr"],
  );
  const [started] = events;
  assert.equal(started?.type === "call.started" && started.language, "auto");
});

test("each track has a language of its own", async () => {
  const recogniser = new Polyglot((samples) => (samples > 16 * 4500 ? "fr" : "en"));
  const tracks = [
    { track: "inbound", label: "caller" },
    { track: "outbound", label: "agent" },
  ] as const;
  const rig = callOf({ recogniser, modelLanguage: "auto", mode: "start", tracks });
  const stream = rig.open(["inbound", "outbound"]);
  for (const [track, ms] of [
    ["inbound", 3300],
    ["outbound", 5000],
  ] as const) {
    send(stream, packetsOf(soundOf(8000, [{ startMs: 500, endMs: 500 + ms }])), track);
  }
  await rig.call.end("stream_stopped");
  const languages = finalsOf(rig.events).map(({ track, language }) => [track, language]);
  assert.deepEqual(languages.toSorted(), [
    ["inbound", "en"],
    ["outbound", "fr"],
  ]);
});

test("what cannot be recognised again in the language of the track stays as it was heard", async () => {
  const { sound, nearest } = soundWith([spoken(3300, "fr"), spoken(2000, "en")]);
  const recogniser = new Polyglot(nearest);
  const rig = callOf({ recogniser, modelLanguage: "auto" });
  const submit = recogniser.submit.bind(recogniser);
  recogniser.submit = (request) => {
    recogniser.broken = request.language !== "auto";
    return submit(request);
  };
  send(rig.open(), packetsOf(sound, [500]));
  await rig.call.end("stream_stopped");
  assert.deepEqual(
    finalsOf(rig.events).map(({ language }) => language),
    ["fr", "en"],
  );
});

test("finals are the same however fast the sound comes and in whatever order the answers do", async () => {
  const lengths = fc.uniqueArray(fc.integer({ min: 4, max: 45 }), { minLength: 1, maxLength: 6 });
  const languages = fc.array(fc.constantFrom("en", "fr", "es"), { minLength: 6, maxLength: 6 });
  const turns = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(lengths, languages, turns, async (tenths, spokenIn, delays) => {
      const utterances = tenths.map((tenth, index) => spoken(tenth * 100, spokenIn[index] as string));
      const calm = await finalsWith(utterances, [0], true);
      const hurried = await finalsWith(utterances, delays, false);
      assert.deepEqual(hurried.finals, calm.finals);
      assert.equal(calm.finals.length, utterances.length);
    }),
    { numRuns: 40 },
  );
});
