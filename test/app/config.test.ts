import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  type ConfigSources,
  checkConfig,
  chooseThreads,
  loadConfig,
  redacted,
} from "../../src/app/config.ts";
import { VARIABLES } from "../../src/app/environment.ts";
import { streamTokenKey } from "../../src/app/token-key.ts";
import { chooseVadWorkers } from "../../src/app/vad-workers.ts";

const SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN = "an-auth-token";

/** The least that a server needs. */
const SOUND = {
  publicUrl: "https://calls.example.com/",
  twilio: { authTokens: [TOKEN] },
  callback: { url: "https://receiver.example.com/hook?key=query-key", secrets: [SECRET] },
};

const of = (overrides: Record<string, unknown>, environment: NodeJS.ProcessEnv = {}): ConfigSources => ({
  file: null,
  environment,
  overrides,
});

const hinted = (hints: unknown) => ({ numbers: [{ number: "*", mode: "connect", hints }] });

function fileOf(t: TestContext, name: string, content: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

const faultsOf = (overrides: Record<string, unknown>, environment?: NodeJS.ProcessEnv) =>
  checkConfig(of(overrides, environment)).faults;

test("nothing has to be configured where nobody calls", () => {
  assert.deepEqual(faultsOf({}, { LINESCRIBE_PORT: "8123" }), []);
  const { config } = checkConfig(of({}, { LINESCRIBE_PORT: "8123" }));
  assert.deepEqual([config?.port, config?.lines.size, config?.publicUrl], [8123, 0, null]);
});

test("a small configuration is enough, and defaults fill the rest", () => {
  const config = loadConfig(of({ ...SOUND, numbers: [{ number: "*", mode: "connect" }] }));
  assert.equal(config.publicUrl, "https://calls.example.com");
  assert.equal(config.port, 8080);
  assert.equal(config.limits.calls, 100);
  assert.equal(config.endpointer.silenceMs, 1000);
  const line = config.lines.get("*");
  assert.deepEqual(line?.tracks, ["inbound"]);
  assert.equal(line?.endpoint, SOUND.callback.url);
  assert.deepEqual(config.endpoints.get(SOUND.callback.url), [SECRET]);
});

test("a number may end its utterances in its own way, and has the rest from all", () => {
  const numbers = [
    { number: "*", mode: "connect" },
    { number: "+15550100101", mode: "connect", endpointing: { silenceMs: 500 } },
    { number: "+15550100102", mode: "connect", endpointing: { endpointMs: 300 } },
  ];
  const { lines } = loadConfig(of({ ...SOUND, numbers, vad: { silenceMs: 900, onsetThreshold: 0.4 } }));
  const shapes = [...lines.values()].map(({ endpointer, endpointMs }) => [
    endpointer.silenceMs,
    endpointMs,
    endpointer.onsetThreshold,
  ]);
  assert.deepEqual(shapes, [
    [900, 400, 0.4],
    [500, 400, 0.4],
    [900, 300, 0.4],
  ]);
});

test("the command line wins over the environment, and the environment over the file", (t) => {
  const file = fileOf(
    t,
    "linescribe.config.json",
    JSON.stringify({ ...SOUND, port: 1001, host: "127.0.0.1", logLevel: "debug" }),
  );
  const environment = {
    LINESCRIBE_PORT: "1002",
    LINESCRIBE_LOG_LEVEL: "warn",
    LINESCRIBE_TWILIO_AUTH_TOKENS: "a, b",
  };
  const config = loadConfig({ file, environment, overrides: { port: 1003 } });
  assert.deepEqual([config.port, config.logLevel, config.host], [1003, "warn", "127.0.0.1"]);
  assert.deepEqual(config.twilio.authTokens, ["a", "b"]);
  assert.deepEqual(loadConfig({ environment: { ...environment, LINESCRIBE_CONFIG: file } }).port, 1002);
});

test("any variable may name a file that holds its value", (t) => {
  const file = fileOf(t, "token", "from-a-file\n");
  const config = loadConfig(of({ ...SOUND, twilio: {} }, { LINESCRIBE_TWILIO_AUTH_TOKENS_FILE: file }));
  assert.deepEqual(config.twilio.authTokens, ["from-a-file"]);
  const [fault] = faultsOf(SOUND, { LINESCRIBE_TWILIO_AUTH_TOKENS_FILE: `${file}-missing` });
  assert.match(fault as string, /^LINESCRIBE_TWILIO_AUTH_TOKENS_FILE: ENOENT/);
});

test("every variable reaches a setting of the schema", () => {
  const values: Record<string, string> = {
    LINESCRIBE_PUBLIC_URL: "https://a.example",
    LINESCRIBE_HOST: "127.0.0.1",
    LINESCRIBE_TWILIO_MEDIA_URL: "https://a.example/b",
    LINESCRIBE_INSECURE: "true",
    LINESCRIBE_LOG_LEVEL: "error",
    LINESCRIBE_CALLBACK_URL: "https://b.example",
    LINESCRIBE_CALLBACK_SECRETS: `${SECRET},${OTHER_SECRET}`,
    LINESCRIBE_ASR_MODEL: "whisper-base",
    LINESCRIBE_ASR_DEVICE: "cuda",
    LINESCRIBE_ASR_CARDS: "1, 0",
    LINESCRIBE_HUB: "https://hub.example",
    LINESCRIBE_ORIGINS: "https://a.example,https://b.example:8443",
  };
  const environment = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, values[name] ?? "3"]));
  const config = loadConfig({ file: null, environment }) as unknown as Record<string, unknown>;
  for (const [name, { path: at, parse }] of Object.entries(VARIABLES)) {
    const set = at.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], config);
    assert.deepEqual(set, parse(environment[name] as string), name);
  }
});

test("a name that is no setting is a fault, in the file and in the environment", () => {
  assert.match(faultsOf({ ...SOUND, colour: "blue" }).join(), /colour/);
  assert.deepEqual(faultsOf(SOUND, { LINESCRIBE_COLOUR: "blue" }), ["LINESCRIBE_COLOUR: no such setting"]);
  assert.deepEqual(faultsOf(SOUND, { OTHER_PROGRAM: "x", LINESCRIBE_PORT: "" }), []);
});

test("unsigned webhooks are only accepted on loopback", () => {
  const insecure = { insecure: true, callback: SOUND.callback };
  for (const host of ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
    assert.deepEqual(faultsOf({ ...insecure, host }), []);
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "127.0.0.1.example.com", "1270.0.0.1"]) {
    assert.match(faultsOf({ ...insecure, host }).join(), /^insecure: /, host);
  }
  const trust = /twilio\.authTokens.*publicUrl/;
  assert.match(faultsOf({ callback: SOUND.callback }).join(), trust);
  assert.match(faultsOf({ numbers: [{ number: "*", mode: "connect" }] }).join(), trust);
  assert.match(faultsOf({ twilio: { authTokens: [TOKEN] } }).join(), /^publicUrl/);
});

const FAULTY: [string, Record<string, unknown>, RegExp][] = [
  ["a public URL without a scheme", { publicUrl: "calls.example.com" }, /^publicUrl: /],
  [
    "a URL with credentials",
    { callback: { url: "https://u:p@b.example", secrets: [SECRET] } },
    /^callback\.url: .*credentials/,
  ],
  [
    "a secret that is none",
    { callback: { url: "https://b.example", secrets: ["hush"] } },
    /^callback\.secrets\.0: /,
  ],
  [
    "a callback without a secret",
    { callback: { url: "https://b.example", secrets: [] } },
    /^callback\.secrets: /,
  ],
  ["a number that is not E.164", { numbers: [{ number: "0049", mode: "connect" }] }, /^numbers\.0\.number: /],
  [
    "a number twice",
    {
      numbers: [
        { number: "*", mode: "connect" },
        { number: "*", mode: "connect" },
      ],
    },
    /^numbers\.1: .*two entries/,
  ],
  [
    "a connect number with the outbound track",
    { numbers: [{ number: "*", mode: "connect", tracks: ["outbound"] }] },
    /^numbers\.0: /,
  ],
  [
    "a number with less silence than an utterance keeps of it",
    { numbers: [{ number: "*", mode: "connect", endpointing: { silenceMs: 200 } }] },
    /^numbers\.0: endpointing: .*hangoverPadMs/,
  ],
  [
    "a number with a misspelt setting of its endpointing",
    { numbers: [{ number: "*", mode: "connect", endpointing: { silence: 700 } }] },
    /^numbers\.0\.endpointing: .*silence/,
  ],
  ["a start number that leads nowhere", { numbers: [{ number: "*", mode: "start" }] }, /^numbers\.0: /],
  ["ten thousand hints", hinted(Array(10_000).fill("Alice")), /^numbers\.0\.hints: .*at most 1000/],
  ["a hint of control characters", hinted(["Alice", "\u0000\u0001"]), /^numbers\.0\.hints\.1: .*control/],
  ["a hint that is too long", hinted(["x".repeat(101)]), /^numbers\.0\.hints\.0: .*100 characters/],
  ["a port beyond the last", { port: 65_536 }, /^port: /],
  ["a public URL with a query", { publicUrl: "https://a.example/?b=c" }, /^publicUrl: .*without a query/],
  ["a media URL that is none", { twilio: { mediaUrl: "wss://a.example" } }, /^twilio\.mediaUrl: .*https/],
  ["more speech detection workers than 64", { vad: { workers: 65 } }, /^vad\.workers: /],
  ["a beam of none", { asr: { beam: 0 } }, /^asr\.beam: /],
  ["thresholds that cross", { vad: { onsetThreshold: 0.2, offsetThreshold: 0.4 } }, /^vad: /],
  [
    "one receiver with two sets of secrets",
    { numbers: [{ number: "*", mode: "connect", callback: { ...SOUND.callback, secrets: [OTHER_SECRET] } }] },
    /^callback https:\/\/receiver\.example\.com/,
  ],
];
for (const [title, settings, expected] of FAULTY) {
  test(`${title} is one fault, that says where it is`, () => {
    const { config, faults } = checkConfig(of({ ...SOUND, ...settings }));
    assert.equal(config, null);
    assert.equal(faults.length, 1, faults.join("\n"));
    assert.match(faults[0] as string, expected);
  });
}

test("no fault shows a secret", () => {
  const settings = {
    callback: { url: "https://b.example", secrets: ["whsec_not!base64!hush"] },
    twilio: { authTokens: [TOKEN, 5] },
  };
  const text = faultsOf(settings).join();
  assert.ok(!text.includes("hush") && !text.includes(TOKEN), text);
});

test("what is shown of a configuration holds no secret, token, key or full URL", () => {
  const api = { accountSid: "AC1", username: "SK-user", password: "api-password" };
  const config = loadConfig(
    of({
      ...SOUND,
      twilio: { authTokens: [TOKEN], api },
      numbers: [{ number: "+15550100100", mode: "connect", announcement: "Hello" }],
    }),
  );
  const text = JSON.stringify(redacted(config));
  for (const hidden of [
    SECRET,
    SECRET.slice(6),
    TOKEN,
    "api-password",
    "SK-user",
    "query-key",
    "5550100100",
  ]) {
    assert.ok(!text.includes(hidden), hidden);
  }
  assert.ok(text.includes("https://receiver.example.com/hook"));
});

test("a loaded configuration cannot be changed", () => {
  const config = loadConfig(of(SOUND)) as unknown as {
    limits: { calls: number };
    twilio: { authTokens: string[] };
  };
  assert.throws(() => {
    config.limits.calls = 1;
  }, TypeError);
  assert.throws(() => config.twilio.authTokens.push("mine"), TypeError);
});

test("threads and workers fill the machine unless they are set", () => {
  const asr = { model: "m", beam: 3, workers: 0, threads: 0 };
  assert.deepEqual(chooseThreads(asr, 1), { workers: 1, threads: 1 });
  assert.deepEqual(chooseThreads(asr, 2), { workers: 2, threads: 1 });
  assert.deepEqual(chooseThreads({ ...asr, workers: 1 }, 2), { workers: 1, threads: 2 });
  assert.deepEqual(chooseThreads({ ...asr, threads: 8 }, 16), { workers: 2, threads: 8 });
  assert.deepEqual(chooseThreads(asr, 16), { workers: 4, threads: 4 });
  assert.deepEqual(chooseThreads({ ...asr, workers: 3, threads: 1 }, 16), { workers: 3, threads: 1 });
});

test("speech detection gets a worker for every 400 tracks, if the machine has the cores, or what is set", () => {
  const limits = (calls: number, sessions = 100) => ({ calls, sessions });
  assert.equal(chooseVadWorkers({ workers: 0 }, limits(100), 64), 1);
  assert.equal(chooseVadWorkers({ workers: 0 }, limits(101), 64), 2);
  assert.equal(chooseVadWorkers({ workers: 0 }, limits(2000, 0), 64), 10);
  assert.equal(chooseVadWorkers({ workers: 0 }, limits(2000), 16), 4);
  assert.equal(chooseVadWorkers({ workers: 0 }, limits(2000), 2), 1);
  assert.equal(chooseVadWorkers({ workers: 3 }, limits(1, 1), 2), 3);
  const vadWorkers = (vad: object) => loadConfig(of({ ...SOUND, vad })).vad.workers;
  assert.deepEqual([vadWorkers({ workers: 5 }), vadWorkers({}) >= 1], [5, true]);
});

test("the key of stream tokens is of the auth token, and of chance without one", () => {
  assert.deepEqual(streamTokenKey([TOKEN, "older"]), streamTokenKey([TOKEN]));
  assert.notDeepEqual(streamTokenKey([TOKEN]), streamTokenKey(["other"]));
  assert.notDeepEqual(streamTokenKey([]), streamTokenKey([]));
  assert.equal(streamTokenKey([TOKEN]).length, 32);
  assert.ok(!Buffer.from(streamTokenKey([TOKEN])).includes(TOKEN));
});

test("hints of a number are read as the recogniser takes them", () => {
  const config = loadConfig(of({ ...SOUND, ...hinted([" Alice  Johnson", "Contoso", "Contoso"]) }));
  assert.deepEqual(config.lines.get("*")?.hints, ["Alice Johnson", "Contoso"]);
});

test("proxies are trusted by number or by network, and by default none is", () => {
  const { access } = loadConfig(of(SOUND));
  assert.deepEqual([access.trustedProxies, access.origins], [0, []]);
  assert.equal(access.maximumSessionMs, 3_600_000);
  const named = loadConfig(of(SOUND, { LINESCRIBE_TRUSTED_PROXIES: "10.0.0.0/8, 2001:db8::1" }));
  assert.deepEqual(named.access.trustedProxies, ["10.0.0.0/8", "2001:db8::1"]);
  assert.equal(loadConfig(of(SOUND, { LINESCRIBE_TRUSTED_PROXIES: "2" })).access.trustedProxies, 2);
  for (const trustedProxies of [
    true,
    -1,
    1.5,
    11,
    "10.0.0.0/8",
    ["0.0.0.0/0"],
    ["::/0"],
    ["::ffff:0:0/96"],
    ["10.0.0.1/8"],
    ["::ffff:10.0.0.0/8"],
    ["loopback"],
    [1],
    null,
  ]) {
    const faults = faultsOf({ ...SOUND, access: { trustedProxies } });
    assert.equal(faults.length, 1, `${trustedProxies}: ${faults.join()}`);
    assert.match(faults[0] as string, /^access\.trustedProxies: expected a number from 0 to 10, or/);
  }
});

test("an origin is what a browser sends, or every one", () => {
  const faults = (origin: string) => faultsOf({ ...SOUND, access: { origins: [origin] } }).length;
  for (const origin of ["https://app.example", "http://localhost:3000", "*"]) assert.equal(faults(origin), 0);
  for (const origin of [
    "https://app.example/",
    "app.example",
    "https://App.example",
    "null",
    "https://*.example",
  ])
    assert.equal(faults(origin), 1, origin);
});
