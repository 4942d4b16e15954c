/**
 * The rules of accessibility that a program can check, in every state and theme.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { scriptServer, talk } from "./look.ts";
import { engineWithoutModels, launch, openPage, type PagesRig, startPages } from "./rig.ts";
import { startScene } from "./scene.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let rig: PagesRig;
let browser: Browser;

before(async () => {
  rig = await startPages({ engine: engineWithoutModels() });
  browser = await launch({ args: ["--use-fake-device-for-media-stream"] });
});

after(async () => {
  await browser?.close();
  await rig?.close();
});

/** What axe finds, a line each. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return await page.evaluate(
    `axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ": " + html + " " + failureSummary)))`,
  );
}

/** Whether something is wider than the window. */
async function tooWide(page: Page): Promise<boolean> {
  return await page.evaluate("document.documentElement.scrollWidth > innerWidth");
}

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [360, 1400]) {
    test(`every page is free of faults, ${colorScheme} and ${width} px wide`, async () => {
      const viewport = { width, height: 740 };
      const { page, context } = await openPage(browser, { colorScheme, viewport });
      await scriptServer(page, talk());
      await page.goto(`${rig.server.url}/listen`);
      assert.deepEqual(await faultsOf(page), [], "empty");
      await page.getByText("Microphone and language").click();
      assert.deepEqual(await faultsOf(page), [], "settings");
      assert.equal(await tooWide(page), false);
      await page.getByText("Microphone and language").click();
      await page.getByRole("button", { name: "Start" }).click();
      await page.locator("#partial:not([hidden])").waitFor();
      assert.deepEqual(await faultsOf(page), [], "with text");
      assert.equal(await tooWide(page), false);
      assert.ok(await page.getByRole("button", { name: "Stop" }).isVisible());
      const foot = await page.getByRole("button", { name: "TXT" }).boundingBox();
      assert.ok(foot && foot.y + foot.height <= 740, "all of it fits the screen");
      await context.close();
    });

    test(`the pages of calls are free of faults, ${colorScheme} and ${width} px wide`, async () => {
      const scene = await startScene();
      const { page, context } = await openPage(browser, { colorScheme, viewport: { width, height: 740 } });
      await page.goto(scene.url);
      await page.getByText("No calls yet.").waitFor();
      assert.deepEqual(await faultsOf(page), [], "empty");
      const call = scene.begin("CA1", { endpoint: "https://crm.example.com/hook" });
      call.say("outbound", "Good morning. How can I help?");
      call.say(
        "inbound",
        `I have a question about ${"a very long word such as ".repeat(4)}${"x".repeat(80)}`,
      );
      call.gap("inbound", 2000);
      call.press("5");
      call.hear("outbound", "Of course");
      await page.locator(".live-card .partial").waitFor();
      await page.getByLabel("Words").fill("question");
      await page.locator("mark").first().waitFor();
      assert.deepEqual(await faultsOf(page), [], "full");
      assert.equal(await tooWide(page), false);
      await page.goto(`${scene.url}/calls/CA1`);
      await page.locator(".turn.partial").waitFor();
      await page.getByText("All events").click();
      await page.getByText("on the way", { exact: false }).first().waitFor();
      assert.deepEqual(await faultsOf(page), [], "a call");
      assert.equal(await tooWide(page), false);
      call.end();
      await page.getByRole("button", { name: "Delete…" }).click();
      assert.deepEqual(await faultsOf(page), [], "a question");
      await context.close();
      await scene.close();
    });

    test(`the page of the API and the one of nowhere are free of faults, ${colorScheme} and ${width} px wide`, async () => {
      const { page, context } = await openPage(browser, { colorScheme, viewport: { width, height: 740 } });
      await page.goto(`${rig.server.url}/api`);
      await page.getByText("8 operations").waitFor();
      assert.deepEqual(await faultsOf(page), [], "folded");
      assert.equal(await tooWide(page), false);
      for (const id of ["listCalls", "resendCall"]) await page.locator(`#${id} h2`).click();
      for (const fold of await page.locator(".inside .fold > summary").all())
        if (await fold.isVisible()) await fold.click();
      await page.locator("#listCalls").getByRole("button", { name: "Send" }).click();
      await page.getByText(/^200 OK/).waitFor();
      await page.getByLabel("limit").first().fill("0");
      await page.locator("#listCalls").getByRole("button", { name: "Send" }).click();
      await page.getByText(/^400 Bad Request/).waitFor();
      assert.deepEqual(await faultsOf(page), [], "unfolded");
      assert.equal(await tooWide(page), false);
      await page.goto(`${rig.server.url}/nowhere`);
      await page.getByText("There is nothing at this address").waitFor();
      assert.deepEqual(await faultsOf(page), [], "nowhere");
      assert.equal(await tooWide(page), false);
      await context.close();
    });

    test(`the login and the page of who is not let in are free of faults, ${colorScheme} and ${width} px wide`, async () => {
      const own = await startPages({ engine: engineWithoutModels() });
      const { key } = own.addKey(["read"]);
      const { page, context } = await openPage(browser, { colorScheme, viewport: { width, height: 740 } });
      await page.goto(`${own.server.url}/listen`);
      await page.getByLabel("API key").fill("wrong");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText("This is not a key").waitFor();
      assert.deepEqual(await faultsOf(page), []);
      assert.equal(await tooWide(page), false);
      await page.getByLabel("API key").fill(key);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText("Your key does not open this page").first().waitFor();
      assert.deepEqual(await faultsOf(page), []);
      await page.goto(`${own.server.url}/api`);
      await page.getByText("8 operations").waitFor();
      assert.deepEqual(await faultsOf(page), []);
      const bar = await page.locator(".bar").boundingBox();
      assert.ok(bar && bar.height < 64, `brand, pages and the way out are in one line: ${bar?.height} px`);
      await context.close();
      await own.close();
    });
  }
}
