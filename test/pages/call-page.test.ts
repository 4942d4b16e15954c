/**
 * What a reader sees of one call: its time as a whole and in part, its details, its newest line, and itself on paper.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, openPage } from "./rig.ts";
import { type Scene, startScene } from "./scene.ts";

let scene: Scene;
let browser: Browser;
before(async () => {
  scene = await startScene();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await scene?.close();
});

const HOUR_MS = 3_600_000;

/** Of the timeline: how much is in sight, and how much there is, CSS pixels. */
async function widthsOf(page: Page): Promise<{ seen: number; whole: number }> {
  return await page
    .locator("#time-scroll")
    .evaluate(({ clientWidth, scrollWidth }) => ({ seen: clientWidth, whole: scrollWidth }));
}

test("all of a long call's time is in sight, and half of it larger after +", async () => {
  const call = scene.begin("CAlong", { agoMs: 2 * HOUR_MS });
  for (let turn = 0; turn < 200; turn++)
    call.say(turn % 2 ? "inbound" : "outbound", "Some words, said again and again.");
  call.end();
  const { page, faults, context } = await openPage(browser);
  await page.goto(`${scene.url}/calls/CAlong`);
  await page.locator("#timeline .utterance").nth(199).waitFor({ state: "attached" });
  const { seen, whole } = await widthsOf(page);
  assert.equal(whole, seen);
  const marks = await page.locator("#timeline .tick-text").allTextContents();
  assert.ok(marks.length > 4 && marks.length <= seen / 80 + 2, marks.join());
  const smaller = page.getByRole("button", { name: "Show more time" });
  assert.equal(await smaller.getAttribute("aria-disabled"), "true");
  await page.getByRole("button", { name: "Show less time, larger" }).focus();
  await page.keyboard.press("Enter");
  assert.equal((await widthsOf(page)).whole, 2 * seen);
  assert.ok((await page.locator("#timeline .tick-text").count()) > marks.length);
  await smaller.click();
  assert.equal((await widthsOf(page)).whole, seen);
  assert.deepEqual(faults, []);
  await context.close();
});

test("the details of a call name its parties masked, its parameters, how it ended and its id", async () => {
  const parameters = { customer: "C-20418" };
  scene.begin("CAdetails", { from: "+15550106161", parameters, agoMs: HOUR_MS }).end();
  const { page, context } = await openPage(browser);
  await page.goto(`${scene.url}/calls/CAdetails`);
  await page.locator("#details dd", { hasText: "C-20418" }).waitFor();
  const told = await page.locator("#details").innerText();
  for (const [name, value] of [
    ["From", "…6161"],
    ["Ended", "the stream was stopped"],
    ["customer", "C-20418"],
    ["Id", "CAdetails"],
  ])
    assert.match(told, new RegExp(`${name}\\s+${value}`));
  assert.doesNotMatch(await page.content(), /0106161/);
  await context.close();
});

test("only lines that come are read aloud; what is over, or still being said, is not", async () => {
  const call = scene.begin("CAaloud", {});
  call.say("inbound", "Hello there.");
  const { page, context } = await openPage(browser);
  await page.addInitScript(`new MutationObserver((changes) => {
    const lines = document.getElementById("lines");
    window.aloud ??= [];
    if (lines !== null && changes.some(({ target }) => target === lines)) window.aloud.push(lines.getAttribute("aria-live"));
  }).observe(document, { subtree: true, childList: true });`);
  await page.goto(`${scene.url}/calls/CAaloud`);
  await page.locator("#lines[aria-live=polite] .turn", { hasText: "Hello there." }).waitFor();
  call.say("inbound", "This is new.");
  await page.locator(".turn", { hasText: "This is new." }).waitFor();
  assert.deepEqual(await page.evaluate("window.aloud"), ["off", "polite"]);
  assert.equal(await page.locator("#open").getAttribute("aria-hidden"), "true");
  call.end();
  await page.reload();
  await page.locator(".turn", { hasText: "This is new." }).waitFor();
  assert.equal(await page.locator("#lines").getAttribute("aria-live"), "off");
  await context.close();
});

test("a page that was scrolled to the newest line goes on with the call; elsewhere a button leads there", async () => {
  const call = scene.begin("CAfollow", { agoMs: HOUR_MS });
  for (let turn = 0; turn < 30; turn++) call.say("inbound", `Line number ${turn}.`);
  const { page, context } = await openPage(browser);
  await page.goto(`${scene.url}/calls/CAfollow`);
  const newest = page.getByRole("button", { name: "Newest line" });
  await newest.click();
  await page.locator(".turn", { hasText: "Line number 29." }).and(page.locator(":visible")).waitFor();
  await newest.waitFor({ state: "hidden" });
  for (let turn = 30; turn < 36; turn++) call.say("inbound", `Line number ${turn}.`);
  const last = page.locator(".turn", { hasText: "Line number 35." });
  await last.waitFor();
  const box = await last.boundingBox();
  assert.ok(box && box.y > 0 && box.y + box.height <= 700, JSON.stringify(box));
  await page.evaluate("scrollTo(0, 0)");
  await newest.waitFor();
  call.say("inbound", "Line number 36.");
  await page.locator(".turn", { hasText: "Line number 36." }).waitFor();
  assert.equal(await page.evaluate("scrollY"), 0, "who reads elsewhere is left there");
  call.end();
  await newest.waitFor({ state: "hidden" });
  await context.close();
});

test("on paper a call is its details and its lines with times, dark on white, without what can be pressed", async () => {
  const call = scene.begin("CApaper", { endpoint: "https://crm.example.com/hook", agoMs: HOUR_MS });
  call.say("outbound", "Good morning.");
  call.gap("inbound", 2000);
  call.end();
  const { page, context } = await openPage(browser, { colorScheme: "dark" });
  await page.goto(`${scene.url}/calls/CApaper`);
  await page.getByText("on the way").first().waitFor();
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.equal(
    await page.locator("button:visible, a.button:visible, nav:visible, #timeline:visible").count(),
    0,
  );
  const line = page.locator("#lines .turn", { hasText: "Good morning." });
  assert.match(await line.innerText(), /^agent\s+0:00\s+Good morning\.$/);
  assert.ok(await page.getByText("2.0 s missing").isVisible());
  assert.ok(await page.locator("#details").isVisible());
  const colours = await page.evaluate(
    `getComputedStyle(document.querySelector("#lines .turn .text")).color + " on " + getComputedStyle(document.body).backgroundColor`,
  );
  assert.equal(colours, "rgb(0, 0, 0) on rgb(255, 255, 255)");
  await context.close();
});

test("a phone shows one field to look for words, and the others when they are asked for", async () => {
  const { page, context } = await openPage(browser, { viewport: { width: 390, height: 844 } });
  await page.goto(scene.url);
  const unfold = page.getByRole("button", { name: "Filters" });
  assert.ok(await page.getByLabel("Words").isVisible());
  assert.equal(await page.getByLabel("Number").isVisible(), false);
  await unfold.click();
  assert.equal(await unfold.getAttribute("aria-expanded"), "true");
  await page.getByLabel("Status").selectOption("faulty");
  await page.waitForURL(/status=faulty/);
  await page.reload();
  assert.ok(await page.getByLabel("Status").isVisible(), "what is looked for is never folded away");
  await context.close();
  const wide = await openPage(browser);
  await wide.page.goto(scene.url);
  assert.ok(await wide.page.getByLabel("Number").isVisible());
  assert.equal(await wide.page.getByRole("button", { name: "Filters" }).isVisible(), false);
  await wide.context.close();
});
