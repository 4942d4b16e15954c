/**
 * `/listen` in Chromium with a fake microphone that plays a recording: the words are read off the page.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { loadConfig } from "../../src/app/config.ts";
import { type Engine, startEngine } from "../../src/app/engine.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { writeRecording } from "./microphone.ts";
import {
  launch,
  linesOf,
  openPage,
  type PagesRig,
  SPOKEN,
  startPages,
  stopListening,
  wordsOf,
} from "./rig.ts";
import { Wire } from "./wire.ts";

let engine: Engine;
let rig: PagesRig;
let browser: Browser;
let lastsMs: number;
const expected = wordsOf(...SPOKEN.map(({ text }) => text));

before(async () => {
  const { asr } = loadConfig({ file: null, environment: {} });
  engine = await startEngine({ asr, logger: silentLogger, counters: new Counters() });
  rig = await startPages({ engine });
  const recording = path.join(rig.folder, "speech.wav");
  lastsMs = writeRecording(recording, SPOKEN);
  browser = await launch({ recording });
});

after(async () => {
  await browser?.close();
  await rig?.close();
  await engine?.close();
});

/** Opens the page and presses Start; the recording begins with that. */
async function listen(url: string): Promise<{ page: Page; faults: string[]; startedAt: number }> {
  const { page, faults } = await openPage(browser);
  await page.goto(`${url}/listen`);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Stop" }).waitFor();
  return { page, faults, startedAt: Date.now() };
}

/** Waits until a time of the recording. */
async function until(page: Page, startedAt: number, ms: number): Promise<void> {
  await page.waitForTimeout(Math.max(0, startedAt + ms - Date.now()));
}

test("words appear grey while they are said and dark when they are final, and every file has them", async () => {
  const { page, faults, startedAt } = await listen(rig.server.url);
  await page
    .locator("#partial:not([hidden]) .text")
    .filter({ hasText: /\w+ \w+/ })
    .waitFor({ timeout: 15_000 });
  const colourOf = (selector: string): Promise<string> =>
    page.evaluate(`getComputedStyle(document.querySelector("${selector}")).color`);
  assert.notEqual(await colourOf("#partial .text"), await colourOf("body"));
  await page.getByText("Live", { exact: true }).waitFor();
  const level = await page.locator("#meter").getAttribute("aria-valuenow");
  assert.ok(Number(level) > -60, `level ${level}`);
  await until(page, startedAt, lastsMs);
  await stopListening(page);
  assert.equal(wordsOf(...(await linesOf(page))), expected);
  assert.match((await page.locator("#delay").textContent()) ?? "", /^Delay \d\.\d s/);
  assert.equal(await page.locator("#partial").isHidden(), true);
  for (const kind of ["TXT", "SRT", "VTT", "JSON"]) {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: kind }).click(),
    ]);
    assert.match(
      download.suggestedFilename(),
      new RegExp(`^transcript-[\\d-]+T[\\d-]+\\.${kind.toLowerCase()}$`),
    );
    const file = readFileSync(await download.path(), "utf8");
    if (kind === "TXT") assert.equal(wordsOf(file), expected);
    if (kind === "JSON") assert.equal(wordsOf(JSON.parse(file).text), expected);
    if (kind === "SRT") assert.match(file, /^1\n00:00:0\d,\d{3} --> 00:00:\d\d,\d{3}\n/);
    if (kind === "VTT") assert.match(file, /^WEBVTT\n\n00:00:0/);
  }
  assert.deepEqual(faults, []);
  await page.context().close();
});

test("a connection that is cut within a word for five seconds costs no word and doubles none", async (t) => {
  const wire = await Wire.start(Number(new URL(rig.server.url).port));
  t.after(() => wire.close());
  const { page, faults, startedAt } = await listen(wire.url);
  await until(page, startedAt, 2500);
  wire.down();
  await page.getByText("Reconnecting").waitFor();
  await page.getByText(/\d s kept until the server is back/).waitFor();
  await until(page, startedAt, 7500);
  wire.up();
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 15_000 });
  await until(page, startedAt, 11_000);
  wire.down();
  wire.up();
  await until(page, startedAt, lastsMs);
  await stopListening(page);
  assert.equal(wordsOf(...(await linesOf(page))), expected);
  assert.equal(await page.locator(".line.gap").count(), 0);
  assert.ok((rig.server.counters.snapshot()["sockets.resumed"] ?? 0) >= 2, "sessions were resumed");
  assert.deepEqual(faults, []);
  await page.context().close();
});

test("a connection that is silent without being closed is noticed, and costs no word", async (t) => {
  const wire = await Wire.start(Number(new URL(rig.server.url).port));
  t.after(() => wire.close());
  const resumed = (): number => rig.server.counters.get("sockets.resumed");
  const before = resumed();
  const { page, startedAt } = await listen(wire.url);
  await until(page, startedAt, 3000);
  wire.freeze();
  // It shows that it reconnects for a quarter of a second only: too short to wait for on a busy machine.
  for (let waitedMs = 0; resumed() === before && waitedMs < 30_000; waitedMs += 100)
    await page.waitForTimeout(100);
  assert.equal(resumed(), before + 1);
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 20_000 });
  await until(page, startedAt, lastsMs);
  await stopListening(page);
  assert.equal(wordsOf(...(await linesOf(page))), expected);
  await page.context().close();
});

test("a server that is replaced while somebody speaks costs no word and doubles none", async (t) => {
  const first = await startPages({ engine });
  const wire = await Wire.start(Number(new URL(first.server.url).port));
  t.after(() => wire.close());
  const { page, startedAt } = await listen(wire.url);
  await until(page, startedAt, 7500);
  // As a machine that loses its power: the page hears nothing of it, and nobody knows its session afterwards.
  wire.down();
  const second = await startPages({ engine });
  wire.target = Number(new URL(second.server.url).port);
  await first.close();
  await until(page, startedAt, 9000);
  wire.up();
  await until(page, startedAt, lastsMs);
  await stopListening(page);
  assert.equal(wordsOf(...(await linesOf(page))), expected);
  assert.equal(second.server.counters.snapshot()["sockets.opened"], 1);
  await page.context().close();
  await second.close();
});

test("stopping in the middle of a sentence shows what was said until then, and starting again goes on below", async () => {
  const { page, startedAt } = await listen(rig.server.url);
  await until(page, startedAt, 3000);
  await stopListening(page);
  const before = await linesOf(page);
  assert.ok(
    expected.startsWith(
      wordsOf(...before)
        .split(" ")
        .slice(0, 3)
        .join(" "),
    ),
    before.join(),
  );
  await page.getByRole("button", { name: "Start" }).click();
  await page.locator("#lines .line").nth(before.length).waitFor({ timeout: 15_000 });
  const times = await page.locator("#lines .time").allTextContents();
  assert.ok((times.at(-1) ?? "") >= "0:03", times.join());
  await stopListening(page);
  await page.getByRole("button", { name: "Clear" }).click();
  assert.deepEqual(await linesOf(page), []);
  await page.getByText("Press Start and speak.").waitFor();
  await page.context().close();
});

test("all of it works from the keyboard, and screen readers are told lines, states and problems", async () => {
  const { page } = await openPage(browser);
  await page.goto(`${rig.server.url}/listen`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to the page");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.id"), "toggle");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await page.locator("#lines .line").first().waitFor({ timeout: 15_000 });
  // The button keeps the focus, so that the same key stops.
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Start" }).waitFor({ timeout: 30_000 });
  assert.equal(await page.getByRole("log").getAttribute("aria-live"), "polite");
  assert.equal(await page.getByRole("status").textContent(), "Off");
  assert.equal(await page.locator("#partial").getAttribute("aria-hidden"), "true");
  await page.context().close();
});
