/**
 * What the pages say of defaults is what the program does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/app/config.ts";
import { configSchema } from "../../src/app/config-schema.ts";
import { chooseVadWorkers } from "../../src/app/vad-workers.ts";
import { ERROR_CODES } from "../../src/base/codes.ts";
import { TrackLanguage } from "../../src/call/track-language.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const page = (name: string): string => readFileSync(path.join(ROOT, name), "utf8").replaceAll(/\s+/g, " ");

/** The first group of `pattern` in a page, as a number. */
function figure(name: string, pattern: RegExp): number {
  const found = pattern.exec(page(name))?.[1];
  assert.ok(found, `${name} does not say ${pattern}`);
  return Number(found);
}

test("the times of docs/endpointing.md and README.md are the defaults", () => {
  const { endpointer, endpointMs } = loadConfig({
    file: null,
    environment: {},
    overrides: { insecure: true, host: "127.0.0.1" },
  });
  const said = (setting: string): number =>
    figure("docs/endpointing.md", new RegExp(`\\| \`${setting}\` \\| (\\d+) ms \\|`));
  assert.equal(said("vad.silenceMs"), endpointer.silenceMs);
  assert.equal(said("vad.endpointMs"), endpointMs);
  assert.equal(said("vad.hangoverPadMs"), endpointer.hangoverPadMs);
  assert.equal(said("vad.maximumUtteranceMs"), endpointer.maximumUtteranceMs);
  assert.equal(
    figure("README.md", /(\S+) s is the silence that ends an utterance/) * 1000,
    endpointer.silenceMs,
  );
});

test("the tracks that docs/scaling.md gives a speech detection worker are those of the default", () => {
  const tracks = figure("docs/scaling.md", /is one for every (\d+) tracks that/);
  const workers = (calls: number) => chooseVadWorkers({ workers: 0 }, { calls, sessions: 0 }, 256);
  assert.deepEqual([workers(tracks / 2), workers(tracks / 2 + 1)], [1, 2]);
});

test("the speech that docs/language.md asks for tells the language, and less does not", () => {
  const language = (...utterances: number[]): string => {
    const track = new TrackLanguage("auto");
    for (const speechMs of utterances) track.heard("fr", speechMs);
    return track.current;
  };
  const telling = 1000 * figure("docs/language.md", /(\S+) s of speech or more settles it/);
  const counting = 1000 * figure("docs/language.md", /two utterances with (\S+) to \S+ s of speech/);
  assert.deepEqual([language(telling), language(telling - 1)], ["fr", "auto"]);
  assert.deepEqual([language(counting, counting), language(counting, counting - 1)], ["fr", "auto"]);
});

test("docs/openai.md names codes that exist, all of those of files, and the limits that are the defaults", () => {
  const text = page("docs/openai.md");
  const named = new Set(
    [...text.matchAll(/`((?:REQUEST|MEDIA|ASR|VAD|SERVER)_[A-Z]+(?:_[A-Z]+)*)`/g)].map(([, code]) => code),
  );
  for (const code of named) assert.ok(code && code in ERROR_CODES, code);
  for (const code of Object.keys(ERROR_CODES))
    if (code.startsWith("MEDIA_")) assert.ok(named.has(code), code);
  const { api } = configSchema.parse({});
  assert.match(text, new RegExp(`\\| \`api.fileBytes\` \\| ${api.fileBytes} \\|`));
  assert.match(text, new RegExp(`\\| \`api.fileMinutes\` \\| ${api.fileMinutes} \\|`));
  assert.match(text, new RegExp(`\\| \`api.requests\`, at once \\| ${api.requests} \\|`));
});
