/**
 * What becomes of a call's events, on its page: deliveries in every state, sent again, deleted; and pages whose server does
 * not answer at first, or asks for a login.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import type { Settlement } from "../../src/store/outbox.ts";
import { launch, openPage } from "./rig.ts";
import { type Scene, startScene } from "./scene.ts";

const ENDPOINT = "https://crm.example.com/hook";

async function stage(t: TestContext) {
  const scene = await startScene();
  t.after(() => scene.close());
  const browser = await launch();
  t.after(() => browser.close());
  return { scene, ...(await openPage(browser)) };
}

/** A call of five events that has ended: two were delivered, one was given up, one was tried. */
function sendSome(scene: Scene): void {
  const call = scene.begin("CAsent", { from: "+15550109999", endpoint: ENDPOINT });
  call.say("outbound", "Good morning.");
  call.say("inbound", "Hello.");
  call.say("inbound", "Nobody was told of this.");
  call.end();
  settle(scene, "delivered", 200);
  settle(scene, "delivered", 200);
  settle(scene, "dead", 400);
  settle(scene, "retry", 503);
}

/** What the sender tells the store of the event that is due. */
function settle({ store }: Scene, outcome: Settlement["outcome"], status: number): void {
  const now = Date.now() + 3_600_000;
  const [head] = store.dueHeads(ENDPOINT, now, 1);
  assert.ok(head);
  const nextAt = Date.now() + 60_000;
  const attempt = { head, at: Date.now(), nextAt, strike: outcome === "retry", status };
  store.settle([{ ...attempt, outcome, error: `status ${status}`, response: null }]);
}

const badge = (page: Page, text: string) => page.locator(".turn", { hasText: text }).locator(".state");

async function logIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
}

test("each line and event shows how its delivery stands, and a delivery that succeeds is shown as it happens", async (t) => {
  const { scene, page, faults } = await stage(t);
  sendSome(scene);
  await page.goto(`${scene.url}/calls/CAsent`);
  await page.getByText(`To ${ENDPOINT}: 2 delivered, 2 on the way, 1 not delivered.`).waitFor();
  for (const [text, state, tone] of [
    ["Good morning.", "delivered", "good"],
    ["Hello.", "not delivered", "bad"],
    ["Nobody was told of this.", "tried once", "warn"],
  ] as const) {
    assert.equal(await badge(page, text).textContent(), state);
    assert.equal(await badge(page, text).getAttribute("class"), `state ${tone}`);
  }
  await page.getByText("All events").click();
  const states = page.locator("#events .state");
  assert.deepEqual(await states.allTextContents(), [
    "delivered",
    "delivered",
    "not delivered, 1 try, 400",
    "on the way, 1 try, 503",
    "on the way",
  ]);
  settle(scene, "delivered", 200);
  await badge(page, "Nobody was told of this.")
    .and(page.getByText("delivered", { exact: true }))
    .waitFor();
  await page.getByText("3 delivered, 1 on the way, 1 not delivered").waitFor();
  assert.equal(await states.nth(3).textContent(), "delivered, 2 tries");
  assert.deepEqual(faults, []);
});

test("what was given up is sent again after it was asked for, and with the box ticked what was delivered, too", async (t) => {
  const { scene, page, faults } = await stage(t);
  sendSome(scene);
  const { key } = scene.addKey(["admin"]);
  await page.goto(`${scene.url}/calls/CAsent`);
  await logIn(page, key);
  const again = page.getByRole("button", { name: "Send again…" });
  const dialog = page.getByRole("dialog", { name: "Send events again?" });
  await badge(page, "Hello.").and(page.getByText("not delivered")).waitFor();
  await again.click();
  await dialog.getByRole("button", { name: "Leave it" }).click();
  assert.equal(scene.store.countOutbox().dead, 1);
  await again.click();
  await dialog.getByRole("button", { name: "Send again" }).click();
  await page.getByText("One event is sent again.").waitFor();
  await badge(page, "Hello.").and(page.getByText("on the way")).waitFor();
  assert.equal(scene.store.countOutbox().dead, 0);
  await again.click();
  await dialog.getByLabel("Also those that were delivered").check();
  await dialog.getByRole("button", { name: "Send again" }).click();
  await page.getByText("2 events are sent again.").waitFor();
  await page.getByText("0 delivered, 5 on the way, 0 not delivered").waitFor();
  assert.ok(await again.isDisabled(), "all of it is on its way");
  assert.deepEqual(faults, []);
});

test("a call is deleted only after a second yes, and is gone from list, search and store", async (t) => {
  const { scene, page, faults } = await stage(t);
  sendSome(scene);
  const { key } = scene.addKey(["admin"]);
  await page.goto(`${scene.url}/calls/CAsent`);
  await logIn(page, key);
  const dialog = page.getByRole("dialog", { name: "Delete this call?" });
  await page.getByRole("button", { name: "Delete…" }).click();
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await dialog.waitFor({ state: "hidden" });
  assert.notEqual(scene.store.call("CAsent"), null);
  await page.getByRole("button", { name: "Delete…" }).click();
  await dialog.getByRole("button", { name: "Delete for good" }).click();
  await page.waitForURL(`${scene.url}/`);
  await page.getByText("No calls yet.").waitFor();
  await page.getByLabel("Words").fill("nobody");
  await page.getByText("Nothing was found.").waitFor();
  assert.equal(scene.store.call("CAsent"), null);
  assert.equal(scene.store.countOutbox().pending, 0);
  assert.deepEqual(faults, []);
});

test("pages whose first question is not answered say so, ask again by themselves, and then go on as ever", async (t) => {
  const { scene, page } = await stage(t);
  const call = scene.begin("CAlate", { from: "+15550108888" });
  call.say("inbound", "I was here before you.");
  let asked = 0;
  await page.route(/\/v1\/calls/, async (route) => {
    asked += 1;
    if (asked === 1) await route.abort();
    else if (asked === 2)
      await route.fulfill({ status: 503, json: { code: "STORE_FAILED", detail: "Broken" } });
    else if (asked === 3) await route.fulfill({ body: '{"calls": [' });
    else await route.continue();
  });
  await page.goto(scene.url);
  await page.getByText("The server cannot be reached. Trying again…").waitFor();
  await page.getByText("The server cannot answer now. Broken. Trying again…").waitFor();
  await page.locator("#calls tr", { hasText: "…8888" }).waitFor();
  assert.equal(await page.getByRole("alert").isVisible(), false);
  asked = 0;
  await page.goto(`${scene.url}/calls/CAlate#line-2`);
  await page.getByText("Trying again…").waitFor();
  await page.locator(".turn.aim", { hasText: "I was here before you." }).waitFor();
  assert.equal(await page.getByRole("alert").isVisible(), false);
  // What is said from now on comes by the stream.
  await page.waitForFunction("document.querySelector('#call').dataset.link === 'live'");
  call.say("inbound", "And I am still here.");
  await page.locator(".turn", { hasText: "And I am still here." }).waitFor();
  // What trying again does not help is not tried again.
  await page.unroute(/\/v1\/calls/);
  let tries = 0;
  page.on("request", (request) => {
    if (request.url().includes("/v1/calls/CAnone")) tries += 1;
  });
  await page.goto(`${scene.url}/calls/CAnone`);
  await page.getByText("There is no such call").waitFor();
  await page.waitForTimeout(1500);
  assert.equal(tries, 1);
});

test("who logs in comes back to the search and to the captions as they were asked for", async (t) => {
  const { scene, page } = await stage(t);
  scene.begin("CAback").say("inbound", "A zeppelin & more.");
  const { id, key } = scene.addKey(["read"]);
  await page.goto(`${scene.url}/?q=zeppelin+%26&status=live`);
  await logIn(page, key);
  await page.waitForURL(`${scene.url}/?q=zeppelin+%26&status=live`);
  await page.locator("mark", { hasText: "zeppelin" }).waitFor();
  scene.store.keys.revoke(id, Date.now());
  await page.getByLabel("Words").fill("more");
  await page.getByRole("link", { name: "Log in" }).click();
  await page.waitForURL(/\/login/);
  await logIn(page, scene.addKey(["read"]).key);
  await page.waitForURL(`${scene.url}/?q=more&status=live`);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.goto(`${scene.url}/calls/CAback/captions?size=40&colour=ffcc00`);
  await logIn(page, scene.addKey(["read"]).key);
  await page.waitForURL(`${scene.url}/calls/CAback/captions?size=40&colour=ffcc00`);
  await page.locator("#captions[data-size='40']").waitFor({ state: "attached" });
});
