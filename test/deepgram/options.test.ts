import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OPTIONS } from "../../src/deepgram/option-table.ts";
import { readFileOptions, readLiveOptions } from "../../src/deepgram/options.ts";
import { ApiError } from "../../src/http/api-error.ts";

const models = { language: (tag: string) => (tag === "tlh" ? null : (tag.split("-")[0] ?? null)) };
const live = (query: string) => readLiveOptions(`/v1/listen?${query}`, models);
const files = (query: string) => readFileOptions(`/v1/listen?${query}`, models);

/** The option that is at fault. */
function faultOf(read: () => unknown): { param: string | null; message: string } {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    assert.equal(error.status, 400);
    return { param: error.param, message: error.message };
  }
  return { param: null, message: "" };
}

test("nothing asked for is English without punctuation, interim results and events", () => {
  assert.deepEqual(live(""), {
    language: "en",
    detectLanguage: false,
    punctuated: false,
    multichannel: false,
    hints: [],
    tags: [],
    extra: {},
    callback: null,
    given: {},
    format: null,
    interimResults: false,
    endpointing: "default",
    utteranceEndMs: null,
    vadEvents: false,
  });
});

test("what the fourth client sends for options without a value is absent", () => {
  const query = "model=nova-2&redact=undefined&diarize=null&callback=undefined&tag=&no_such_option=undefined";
  assert.deepEqual(live(query).given, { model: "nova-2" });
});

test("every option that nobody honours is refused by its name, and passes when it is off", () => {
  for (const [name, facts] of Object.entries(OPTIONS)) {
    for (const [surface, read] of [
      ["live", live],
      ["files", files],
    ] as const) {
      if (facts[surface] !== "unsupported") continue;
      const { param, message } = faultOf(() => read(`${name}=true`));
      assert.equal(param, name);
      assert.match(message, new RegExp(`"${name}" is not supported`));
      for (const off of facts.off) read(`${name}=${off}`);
    }
  }
});

test("names that no document of theirs has are refused, with those of objects", () => {
  for (const name of ["punctuated", "constructor", "__proto__", "x".repeat(1000)]) {
    const { param, message } = faultOf(() => live(`${name}=true`));
    assert.equal(param, name.length > 40 ? `${name.slice(0, 40)}...` : name);
    assert.ok(message.length < 200);
  }
  const many = Array.from({ length: 2000 }, (_, index) => `o${index}=1`).join("&");
  assert.match(faultOf(() => live(many)).message, /; and 1995 more$/);
});

test("lists are repeated, everything else is given once", () => {
  assert.deepEqual(live("tag=a&tag=b&extra=k:v:w&extra=l:m").extra, { k: "v:w", l: "m" });
  assert.deepEqual(live("tag=a&tag=b").tags, ["a", "b"]);
  assert.equal(faultOf(() => live("punctuate=true&punctuate=true")).param, "punctuate");
});

test("hints are terms as they are, and keywords without their boost", () => {
  const { hints } = live("keyterm=Voice+Mail:0.5&keyterm=Liebl&keywords=snuffleupagus:1.5&keywords=plain");
  assert.deepEqual(hints, ["Voice Mail:0.5", "Liebl", "snuffleupagus", "plain"]);
  assert.equal(faultOf(() => live("keywords=word:-2")).param, "keywords");
  assert.equal(faultOf(() => live(`keyterm=${"x".repeat(101)}`)).param, "keyterm");
  assert.equal("keyterm" in live("keyterm=Liebl&punctuate=true").given, false);
});

test("the audio is described whole or not at all", () => {
  assert.deepEqual(live("encoding=linear16&sample_rate=44100&channels=2").format, {
    encoding: "s16",
    sampleRateHz: 44_100,
    channels: 2,
  });
  assert.equal(live("encoding=linear32&sample_rate=8000").format?.encoding, "float32");
  // As theirs: without an encoding there is a container that says it.
  assert.equal(live("sample_rate=11025&channels=2").format, null);
  assert.equal(files("encoding=flac").format, null);
  for (const [query, param] of [
    ["encoding=linear16", "sample_rate"],
    ["encoding=linear16&sample_rate=11025", "sample_rate"],
    ["encoding=linear16&sample_rate=16000.0", "sample_rate"],
    ["encoding=opus&sample_rate=48000", "encoding"],
    ["encoding=constructor&sample_rate=8000", "encoding"],
    ["encoding=mulaw&sample_rate=8000&channels=9", "channels"],
    ["channels=0", "channels"],
    ["channels=two", "channels"],
  ] as const)
    assert.equal(faultOf(() => live(query)).param, param, query);
});

test("values out of range and of another type are refused by name", () => {
  for (const [query, param] of [
    ["punctuate=yes", "punctuate"],
    ["endpointing=soon", "endpointing"],
    ["endpointing=10001", "endpointing"],
    ["endpointing=0x10", "endpointing"],
    ["utterance_end_ms=1000", "utterance_end_ms"],
    ["interim_results=true&utterance_end_ms=999", "utterance_end_ms"],
    ["interim_results=true&utterance_end_ms=5001", "utterance_end_ms"],
    ["language=tlh", "language"],
    ["detect_language=en&detect_language=fr", "detect_language"],
    ["extra=nothing", "extra"],
    [`tag=${"x".repeat(129)}`, "tag"],
    ["callback=ftp://example.com", "callback"],
    ["callback=https://example.com&callback_method=GET", "callback_method"],
    ["paragraphs=true", "paragraphs"],
  ] as const)
    assert.equal(faultOf(() => live(query)).param, param, query);
  assert.equal(faultOf(() => files("interim_results=true")).param, "interim_results");
  assert.equal(faultOf(() => files("utt_split=-1")).param, "utt_split");
});

test("the flow of results is what was asked for", () => {
  const { endpointing, utteranceEndMs, vadEvents } = live(
    "interim_results=true&endpointing=300&utterance_end_ms=1500&vad_events=true",
  );
  assert.deepEqual(
    { endpointing, utteranceEndMs, vadEvents },
    { endpointing: 300, utteranceEndMs: 1500, vadEvents: true },
  );
  assert.equal(live("endpointing=false").endpointing, null);
  assert.equal(live("endpointing=true").endpointing, "default");
});

test("a language that nobody named is told of", () => {
  for (const query of ["language=multi", "detect_language=true&language=de"]) {
    assert.deepEqual([live(query).language, live(query).detectLanguage], ["auto", true]);
  }
  assert.deepEqual([live("language=de-CH").language, live("language=de").detectLanguage], ["de", false]);
});

test("files have paragraphs, utterances and a callback", () => {
  const { paragraphs, punctuated, uttSplitMs, callback } = files(
    "paragraphs=true&utt_split=1.2&callback=https://example.com/x&callback_method=put",
  );
  assert.deepEqual(
    { paragraphs, punctuated, uttSplitMs },
    { paragraphs: true, punctuated: true, uttSplitMs: 1200 },
  );
  assert.deepEqual(callback, { url: "https://example.com/x", method: "PUT" });
});

test("whatever the query, there are options or an error of ours", () => {
  const names = fc.oneof(fc.constantFrom(...Object.keys(OPTIONS)), fc.string());
  const values = fc.oneof(fc.constantFrom("true", "false", "1", "1e3", "en", "-1"), fc.string());
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values), { maxLength: 6 }), (pairs) => {
      const query = new URLSearchParams(pairs).toString();
      faultOf(() => live(query));
      faultOf(() => files(query));
    }),
  );
});
