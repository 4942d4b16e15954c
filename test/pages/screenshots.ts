/**
 * Makes pictures of the pages: wide and narrow, light and dark, empty and full.
 *
 *   npm run screenshots -- [FOLDER]        (default: screenshots)
 */
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { CLIPS } from "../asr/clips.ts";
import { writeRecording } from "./microphone.ts";
import { engineWithoutModels, launch, openPage, type PagesRig, startPages } from "./rig.ts";

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
await browser.close();
rmSync(recording);
await Promise.all([real.close(), open.close(), locked.close()]);
console.log(`pictures are in ${folder}`);
