/**
 * The pages of calls in every state that a reader can meet, with calls that say what they are told to say.
 */
import type { Page } from "playwright-core";
import type { Look } from "./picture.ts";
import { callInScripts, fillCalls, HEARD, manyCalls } from "./pictured-calls.ts";
import type { Scene } from "./scene.ts";

/** In the order in which they have to be taken: the calls of one are there for those behind it. */
export function callLooks(scene: Scene): Look[] {
  const done = new Set<string>();
  const once = (name: string, act: () => void): void => {
    if (done.has(name)) return;
    done.add(name);
    act();
  };
  const text = (words: string) => async (page: Page) => page.getByText(words).first().waitFor();
  const look = (
    name: string,
    address: string,
    ready: (page: Page) => Promise<void>,
    more: Partial<Look> = {},
  ): Look => ({
    name,
    show: async (page) => {
      if (name !== "calls-empty") fill();
      await page.goto(scene.url + address);
      await ready(page);
    },
    ...more,
  });
  let speak = (): void => {};
  const fill = (): void =>
    once("fill", () => {
      speak = fillCalls(scene);
    });
  const spoken = async (page: Page): Promise<void> => {
    await page.waitForTimeout(800);
    speak();
    await page.getByText(HEARD).first().waitFor();
  };
  const told = text("2 not delivered.");
  const captioned = async (page: Page): Promise<void> => {
    await page.waitForTimeout(800);
    speak();
    await page.locator("#captions p").first().waitFor();
    await page.waitForTimeout(200);
  };
  const asked = (button: string) => async (page: Page) => {
    await told(page);
    await page.getByRole("button", { name: button }).click();
  };
  const scripts = async (page: Page): Promise<void> => {
    once("scripts", () => callInScripts(scene));
    await page.reload();
    await page.getByText("少々").first().waitFor();
  };
  const many = async (page: Page): Promise<void> => {
    once("many", () => manyCalls(scene, 200));
    await page.reload();
    await page.locator(".live-card").nth(199).waitFor({ state: "attached" });
    await page.waitForTimeout(500);
  };
  return [
    look("calls-empty", "/", text("No calls yet.")),
    look("calls", "/", spoken),
    look("calls-found", "/?q=refund", text("refund"), { whole: true }),
    look("calls-none", "/?q=zebra", text("Nothing was found.")),
    look("calls-refused", `/?q=${"a%20".repeat(30)}`, text("REQUEST_UNSUPPORTED_OPTION")),
    look("call", "/calls/CAtrouble", told, { whole: true }),
    look("call-events", "/calls/CAtrouble", async (page) => {
      await told(page);
      await page.getByText("All events").click();
      await page.locator("#events").scrollIntoViewIfNeeded();
    }),
    look("call-print", "/calls/CAtrouble", told, { printed: true }),
    look("call-resend", "/calls/CAtrouble", asked("Send again…")),
    look("call-delete", "/calls/CAtrouble", asked("Delete…")),
    look("call-live", "/calls/CAlive", spoken),
    look("call-long", "/calls/CAlong", text("Good morning")),
    look("call-silent", "/calls/CAnew", text("Nothing was said yet.")),
    look("call-unknown", "/calls/CAnone", text("There is no such call")),
    look("captions", "/calls/CAlive/captions?size=40&background=145c2c", captioned),
    look("captions-wrong", "/calls/CAlive/captions?size=4", text("expected a whole number")),
    look("call-scripts", "/calls/CAscripts", scripts, { whole: true }),
    look("calls-scripts", "/", scripts),
    look("captions-scripts", "/calls/CAscripts/captions?size=32&lines=6&background=202020", async (page) => {
      await page.waitForTimeout(800);
      await page.locator("#captions p").first().waitFor();
    }),
    look("calls-many", "/", many),
  ];
}
