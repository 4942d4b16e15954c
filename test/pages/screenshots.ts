/**
 * Makes pictures of the pages: wide and narrow, light and dark, empty and full.
 *
 *   npm run screenshots -- [FOLDER]        (default: screenshots)
 */
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import type { Track } from "../../src/transcript/event.ts";
import { CLIPS } from "../asr/clips.ts";
import { writeRecording } from "./microphone.ts";
import { engineWithoutModels, launch, openPage, type PagesRig, startPages } from "./rig.ts";
import { type Scene, startScene } from "./scene.ts";

const folder = path.resolve(process.argv[2] ?? "screenshots");
const SIZES = {
  middle: { width: 1000, height: 560 },
  wide: { width: 1400, height: 820 },
  narrow: { width: 360, height: 740 },
};

const SAID = [
  "priv-introsaved",
  "followme-pls-hold-while-try",
  "followme-sorry",
  "queue-youarenext",
  "queue-periodic-announce",
]
  .map((name) => CLIPS.find(({ id }) => id === `asterisk-en-${name}`))
  .flatMap((clip) => clip ?? []);

interface Look {
  name: string;
  /** Brings a fresh page into its state. */
  show(page: Page, rig: PagesRig): Promise<void>;
}

/** A recording through the real engine, pictured while one of its last sentences is being said. */
async function listen(page: Page, rig: PagesRig): Promise<void> {
  await page.goto(`${rig.server.url}/listen`);
  await page.getByRole("button", { name: "Start" }).click();
  await page
    .locator("#lines .line")
    .nth(SAID.length - 3)
    .waitFor({ timeout: 60_000 });
  const saying = page.locator("#partial:not([hidden]) .text").filter({ hasText: /^(\S+ ){3}/ });
  await saying.waitFor({ timeout: 60_000 });
}

const OPEN: Look[] = [
  { name: "listen-empty", show: async (page, rig) => void (await page.goto(`${rig.server.url}/listen`)) },
  {
    name: "listen-settings",
    show: async (page, rig) => {
      await page.goto(`${rig.server.url}/listen`);
      await page.getByText("Microphone and language").click();
    },
  },
  {
    name: "listen-denied",
    show: async (page, rig) => {
      await page.addInitScript(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));",
      );
      await page.goto(`${rig.server.url}/listen`);
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByText("This page may not use").waitFor();
    },
  },
];

const LOCKED: Look[] = [
  { name: "login", show: async (page, rig) => void (await page.goto(`${rig.server.url}/listen`)) },
  {
    name: "login-wrong",
    show: async (page, rig) => {
      await page.goto(`${rig.server.url}/listen`);
      await page.getByLabel("API key").fill("wrong");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText("This is not a key").waitFor();
    },
  },
];

const TALK: [Track, string][] = [
  ["outbound", "Good morning, thank you for calling. How can I help you today?"],
  ["inbound", "Hi. I ordered a desk lamp on the third of November, and it still has not arrived."],
  ["outbound", "I am sorry about that. Could you give me the order number, please?"],
  ["inbound", "Yes, one moment. It is four, seven, one, one, nine, two."],
  ["outbound", "Thank you. It left our warehouse on Friday, so it should be with you tomorrow before noon."],
  ["inbound", "Perfect. And if it does not come, can I get a refund?"],
  ["outbound", "Of course. Then we send the money back on the same day."],
];
const HOUR_MS = 3_600_000;

/** Calls of a few days, and three that go on. */
function fill(scene: Scene): () => void {
  for (let number = 0; number < 8; number++) {
    const from = `+1555010${1000 + number * 137}`;
    const endpoint = number === 7 ? "https://crm.example.com/hook" : null;
    const call = scene.begin(`CApast${number}`, { from, endpoint, agoMs: (9 - number) * 13 * HOUR_MS });
    for (const [track, text] of TALK.slice(0, 2 + number)) call.say(track, text);
    if (number % 3 === 1) call.gap("inbound", 3200);
    if (number % 2 === 1) call.press("4");
    call.end();
  }
  const first = scene.begin("CAlive", { from: "+15550107788", agoMs: 41_000 });
  for (const [track, text] of TALK.slice(0, 4)) first.say(track, text);
  const tracks: Track[] = ["inbound"];
  const from = "key abcdefgh";
  const second = scene.begin("ses_live", {
    kind: "session",
    from,
    to: "/ws/transcribe",
    tracks,
    agoMs: 9000,
  });
  second.say("inbound", "This is what a browser hears.");
  scene.begin("CAnew", { from: "+15550103311" });
  return () => {
    first.hear("outbound", "Thank you. It left our warehouse on Friday, so it");
    second.hear("inbound", "And this is still being");
  };
}

async function takeCalls(browser: Browser): Promise<void> {
  const scene = await startScene();
  const rig = { server: { url: scene.url } } as PagesRig;
  const look = (name: string, address: string, ready: (page: Page) => Promise<void>): Promise<void> => {
    const show = async (page: Page): Promise<void> => {
      await page.goto(scene.url + address);
      await ready(page);
    };
    return take(browser, rig, { name, show });
  };
  const text = (words: string) => (page: Page) => page.getByText(words).first().waitFor();
  await look("calls-empty", "/", text("No calls yet."));
  const speak = fill(scene);
  const spoken = (words: string) => async (page: Page) => {
    await page.waitForTimeout(800);
    speak();
    await page.getByText(words).first().waitFor();
  };
  await look("calls", "/", spoken("Friday, so it"));
  await look("calls-found", "/?q=refund", text("refund"));
  await look("calls-none", "/?q=zebra", text("Nothing was found."));
  await look("call", "/calls/CApast7", text("11 on the way"));
  await look("call-live", "/calls/CAlive", spoken("Friday, so it"));
  await look("call-unknown", "/calls/CAnone", text("There is no such call"));
  await look("captions", "/calls/CAlive/captions?size=40&background=145c2c", spoken("Friday, so it"));
  await look("captions-wrong", "/calls/CAlive/captions?size=4", text("expected a whole number"));
  await scene.close();
}

async function take(browser: Browser, rig: PagesRig, { name, show }: Look): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const { page, context } = await openPage(browser, { colorScheme, viewport });
      await show(page, rig);
      await page.screenshot({ path: path.join(folder, `${name}-${size}-${colorScheme}.png`) });
      await context.close();
    }
  }
}

mkdirSync(folder, { recursive: true });
const recording = path.join(folder, "said.wav");
writeRecording(recording, SAID);
const [real, open, locked] = [
  await startPages(),
  await startPages({ engine: engineWithoutModels() }),
  await startPages({ engine: engineWithoutModels() }),
];
locked.addKey();
const browser = await launch({ args: ["--use-fake-device-for-media-stream"] });
const heard = await launch({ recording });
await take(heard, real, { name: "listen-live", show: listen });
await heard.close();
for (const look of OPEN) await take(browser, open, look);
for (const look of LOCKED) await take(browser, locked, look);
await takeCalls(browser);
await browser.close();
rmSync(recording);
await Promise.all([real.close(), open.close(), locked.close()]);
console.log(`pictures are in ${folder}`);
