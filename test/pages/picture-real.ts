/**
 * Pictures of what really runs: the whole server with its engine hears recorded calls as the carrier would play them, and a
 * recording in the browser's microphone. Those whose names begin with `docs-` are in `docs/images/`.
 */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Browser } from "playwright-core";
import { replayCall } from "../../src/cli/replay/replay.ts";
import { loadRecordedCall } from "../../src/cli/replay/sound-call.ts";
import { CLIPS } from "../asr/clips.ts";
import { writeRecording } from "./microphone.ts";
import { SIZES } from "./picture.ts";
import { launch, openPage, type PagesRig, startPages } from "./rig.ts";

const AUTH_TOKEN = "a token that the carrier and we share";
const PUBLIC_URL = "https://calls.example.com";
const CALLS = path.resolve(import.meta.dirname, "../../fixtures/calls");
const SAID = [
  "priv-introsaved",
  "followme-pls-hold-while-try",
  "followme-sorry",
  "queue-youarenext",
  "queue-periodic-announce",
]
  .map((name) => CLIPS.find(({ id }) => id === `asterisk-en-${name}`))
  .flatMap((clip) => clip ?? []);
/** How long the recorded call has gone on when it is pictured: somebody speaks, and both have spoken. */
const AT_MS = 24_000;
/** How long another one has gone on then. */
const OTHER_MS = 14_000;
const LIVE_SID = `CA${"0123456789abcdef".repeat(2)}`;
const TWO_TRACKS = { mode: "start", then: { dial: "+15550109999" } };
const NUMBERS = [
  {
    ...TWO_TRACKS,
    number: "+15550100200",
    tracks: ["inbound", "outbound"],
    labels: { inbound: "caller", outbound: "agent" },
  },
  {
    ...TWO_TRACKS,
    number: "+15550100300",
    tracks: ["inbound"],
    labels: { inbound: "caller" },
    language: "es",
  },
  { number: "+15550100100", mode: "connect", labels: { inbound: "caller" } },
];

/** A picture: what of, and how large. */
interface Shot {
  name: string;
  address: string;
  viewport: { width: number; height: number };
  colorScheme: "light" | "dark";
  deviceScaleFactor?: number;
}

const DOCS = { colorScheme: "light", deviceScaleFactor: 1.5 } as const;

/** Two of the four looks: all of them at once would take the time that the engine needs. */
function shotsOf(name: string, address: string): Shot[] {
  return [
    { name: `${name}-wide-dark`, address, viewport: SIZES.wide, colorScheme: "dark" },
    { name: `${name}-narrow-light`, address, viewport: SIZES.narrow, colorScheme: "light" },
  ];
}

const CALL_SHOTS: Shot[] = [
  { ...DOCS, name: "docs-live-call", address: `/calls/${LIVE_SID}`, viewport: { width: 1180, height: 900 } },
  { ...DOCS, name: "docs-calls", address: "/", viewport: { width: 1180, height: 740 } },
  ...shotsOf("live", `/calls/${LIVE_SID}`),
  ...shotsOf("live-calls", "/"),
];
const LISTEN_SHOTS: Shot[] = [
  { ...DOCS, name: "docs-listen", address: "/listen", viewport: { width: 1000, height: 560 } },
  ...shotsOf("listen-live", "/listen"),
];

/** @param wanted - Whether a picture of this name is. */
export async function takeReal(folder: string, wanted: (name: string) => boolean): Promise<void> {
  const named = ({ name }: Shot): boolean => wanted(name);
  const [calls, listening] = [CALL_SHOTS.filter(named), LISTEN_SHOTS.filter(named)];
  if (calls.length + listening.length === 0) return;
  const receiver = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(204).end());
  });
  await once(receiver.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/transcripts`;
  const rig = await startPages({
    overrides: {
      publicUrl: PUBLIC_URL,
      twilio: { authTokens: [AUTH_TOKEN] },
      callback: { url, secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] },
      numbers: NUMBERS,
    },
  });
  if (calls.length > 0) await takeCalls(rig, folder, calls);
  for (const shot of listening) await takeListening(rig, folder, shot);
  await rig.close();
  receiver.close();
}

interface Played {
  name: string;
  from: string;
  to: string;
  callSid?: string;
  /** How many times as fast as it was spoken. Default 1. */
  speed?: number;
}

/** @throws {Error} when the server broke a rule of the carrier. */
async function play(rig: PagesRig, { name, speed = 1, ...call }: Played): Promise<void> {
  const { errors } = await replayCall({
    ...call,
    speed,
    voiceUrl: `${rig.server.url}/twilio/voice`,
    publicUrl: PUBLIC_URL,
    authToken: AUTH_TOKEN,
    call: await loadRecordedCall(path.join(CALLS, `${name}.jsonl`)),
  });
  if (errors.length > 0) throw new Error(`${name}: ${JSON.stringify(errors)}`);
}

const TALK = { name: "two-track-start", from: "+15550101111", to: "+15550100200" };
const OTHER = { name: "spanish", from: "+15550105820", to: "+15550100300" };

/** The page of one call that goes on, then all calls while two go on and some are over. */
async function takeCalls(rig: PagesRig, folder: string, shots: readonly Shot[]): Promise<void> {
  const ofOne = shots.filter(({ address }) => address !== "/");
  const ofAll = shots.filter(({ address }) => address === "/");
  const ended = { to: "+15550100100", speed: 2 };
  if (ofAll.length > 0) {
    await play(rig, { ...ended, name: "dtmf-connect", from: "+15550104401" });
    await play(rig, { ...ended, name: "lossy", from: "+15550107263" });
  }
  const browser = await launch();
  if (ofOne.length > 0) {
    const call = play(rig, { ...TALK, callSid: LIVE_SID });
    await pause(AT_MS);
    await takeShots(browser, rig, folder, ofOne);
    await call;
  }
  if (ofAll.length > 0) {
    const calls = [play(rig, TALK)];
    await pause(AT_MS - OTHER_MS);
    calls.push(play(rig, OTHER));
    await pause(OTHER_MS);
    await takeShots(browser, rig, folder, ofAll);
    await Promise.all(calls);
  }
  await browser.close();
}

/** Each as soon as somebody has begun to say something. */
async function takeShots(
  browser: Browser,
  rig: PagesRig,
  folder: string,
  shots: readonly Shot[],
): Promise<void> {
  for (const shot of shots) {
    const { page, file } = await openShot(browser, rig, folder, shot);
    await page
      .locator(".partial .text")
      .filter({ hasText: /^\S+ \S+ / })
      .first()
      .waitFor();
    await page.screenshot({ path: file });
    await page.context().close();
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function openShot(browser: Browser, rig: PagesRig, folder: string, shot: Shot) {
  const { name, address, ...options } = shot;
  const { page } = await openPage(browser, options);
  await page.goto(rig.server.url + address);
  return { page, file: path.join(folder, `${name}.png`) };
}

/** A recording through the microphone, pictured while one of its last sentences is being said. */
async function takeListening(rig: PagesRig, folder: string, shot: Shot): Promise<void> {
  const recording = path.join(folder, "said.wav");
  writeRecording(recording, SAID);
  const browser = await launch({ recording });
  const { page, file } = await openShot(browser, rig, folder, shot);
  await page.getByRole("button", { name: "Start" }).click();
  await page
    .locator("#lines .line")
    .nth(SAID.length - 3)
    .waitFor({ timeout: 60_000 });
  const saying = page.locator("#partial:not([hidden]) .text").filter({ hasText: /^(\S+ ){3}/ });
  await saying.waitFor({ timeout: 60_000 });
  await page.screenshot({ path: file });
  await browser.close();
  rmSync(recording);
}
