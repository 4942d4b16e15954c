/**
 * What stands before the microphone: logins, refused permission, insecure addresses; and what everybody can see of it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { engineWithoutModels, lanAddress, launch, openPage, type PagesRig, startPages } from "./rig.ts";

interface Stage extends PagesRig {
  browser: Browser;
  end(): Promise<void>;
}

async function stage(
  browserOptions: Parameters<typeof launch>[0] = {},
  overrides: Record<string, unknown> = {},
): Promise<Stage> {
  const rig = await startPages({ engine: engineWithoutModels(), overrides });
  const browser = await launch(browserOptions);
  const end = async (): Promise<void> => {
    await browser.close();
    await rig.close();
  };
  return { ...rig, browser, end };
}

/** The fake device beeps. */
const BEEPS = ["--use-fake-device-for-media-stream"];

async function logIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
}

test("with a key configured, the page asks for one, says when it is wrong, and leads back", async () => {
  const { server, browser, addKey, end } = await stage({ args: BEEPS });
  const { id, key } = addKey();
  const { page, context, faults } = await openPage(browser);
  await page.goto(`${server.url}/listen`);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await logIn(page, `${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`);
  await page.getByText("This is not a key of this server.").waitFor();
  await page.getByText("ACCESS_KEY_UNKNOWN").waitFor();
  await logIn(page, key);
  await page.waitForURL(`${server.url}/listen`);
  const [cookie] = await context.cookies();
  assert.deepEqual(
    [cookie?.httpOnly, cookie?.sameSite, cookie?.name, await page.evaluate("document.cookie")],
    [true, "Lax", "linescribe_login", ""],
  );
  // The socket is opened by the same cookie.
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  server.store.keys.revoke(id, Date.now());
  await page.getByText("Your login has ended.").waitFor({ timeout: 15_000 });
  await page.getByRole("link", { name: "Log in again" }).waitFor();
  await page.goto(`${server.url}/listen`);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.deepEqual(faults, []);
  await end();
});

test("logging out ends what other windows have open, and a login that has ended says so", async () => {
  const { server, browser, addKey, end } = await stage({ args: BEEPS });
  const { key } = addKey();
  const { page, context } = await openPage(browser);
  await page.goto(`${server.url}/listen`);
  await logIn(page, key);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  const [cookie] = await context.cookies();
  const other = await context.newPage();
  await other.goto(`${server.url}/listen`);
  await other.getByRole("button", { name: "Log out" }).click();
  await other.getByRole("heading", { name: "Log in" }).waitFor();
  await page.getByText("Your login has ended.").waitFor();
  assert.deepEqual(await context.cookies(), []);
  // A cookie that somebody kept opens nothing any more.
  await context.addCookies([{ ...(cookie as NonNullable<typeof cookie>) }]);
  await other.goto(`${server.url}/listen`);
  await other.getByText("Your login has ended. Please log in again.").waitFor();
  await other.getByText("ACCESS_LOGIN_EXPIRED").waitFor();
  await end();
});

test("a page elsewhere cannot open a socket with the login of a visitor, nor log him in or out", async () => {
  const { server, browser, addKey, end } = await stage();
  const { key } = addKey();
  const { page, context } = await openPage(browser);
  await page.goto(`${server.url}/listen`);
  await logIn(page, key);
  await page.getByRole("button", { name: "Start" }).waitFor();
  // Another port is another origin, but the same site: the cookie goes along.
  const elsewhere = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<form method="post" action="${server.url}/logout"><button>Win</button></form>`);
  });
  elsewhere.listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  const { port } = elsewhere.address() as AddressInfo;
  const evil = await context.newPage();
  await evil.goto(`http://127.0.0.1:${port}/`);
  const socket = `${server.url.replace("http", "ws")}/ws/transcribe`;
  const outcome = await evil.evaluate(
    `new Promise((resolve) => {
      const socket = new WebSocket("${socket}");
      socket.onopen = () => resolve("open");
      socket.onerror = () => resolve("refused");
    })`,
  );
  assert.equal(outcome, "refused");
  const counters = server.counters.snapshot();
  assert.equal(counters["sockets.refused.ACCESS_BAD_ORIGIN"], 1);
  await evil.getByRole("button", { name: "Win" }).click();
  await evil.getByText("ACCESS_BAD_ORIGIN").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Start" }).waitFor();
  elsewhere.closeAllConnections();
  elsewhere.close();
  await end();
});

test("a refused permission and a missing microphone are told with what to do", async () => {
  const denied = await stage({ allow: false, args: BEEPS });
  const { page, faults } = await openPage(denied.browser);
  await page.goto(`${denied.server.url}/listen`);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText("This page may not use the microphone.").waitFor();
  await page.getByRole("button", { name: "Start" }).waitFor();
  assert.deepEqual(faults, []);
  await denied.end();
  const missing = await stage({});
  const opened = await openPage(missing.browser);
  await opened.page.goto(`${missing.server.url}/listen`);
  await opened.page.getByRole("button", { name: "Start" }).click();
  await opened.page.getByText("No microphone was found.").waitFor();
  assert.equal(missing.server.counters.snapshot()["sockets.opened"], undefined);
  await missing.end();
});

test("a microphone that gives silence is told, and not once it is heard", async () => {
  const { server, browser, end } = await stage({ recording: "/nonexistent.wav" });
  const { page } = await openPage(browser);
  await page.goto(`${server.url}/listen`);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText("Nothing is heard.").waitFor({ timeout: 15_000 });
  await end();
});

test("at an address of the network without TLS, the page says why there is no microphone", async (t) => {
  const address = lanAddress();
  if (address === null) return t.skip("this machine has no address but loopback");
  const { server, browser, addKey, end } = await stage({ args: BEEPS }, { host: "0.0.0.0" });
  const { key } = addKey();
  const { page, faults } = await openPage(browser);
  await page.goto(`http://${address}:${new URL(server.url).port}/listen`);
  await page.getByText("This connection is not encrypted").waitFor();
  await logIn(page, key);
  await page.getByText("Browsers give microphones to secure pages only.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Start" }).isDisabled(), true);
  assert.deepEqual(faults, []);
  await end();
});
