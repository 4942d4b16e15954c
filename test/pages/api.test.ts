/**
 * The page of the API in Chromium: read, looked for, tried, from the keyboard, and before documents that mean harm.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch, openPage } from "./rig.ts";
import { type Scene, startScene } from "./scene.ts";
import { Wire } from "./wire.ts";

interface Document {
  paths: Record<
    string,
    Record<string, { operationId: string; summary: string; parameters?: { name: string }[] }>
  >;
}

let scene: Scene;
let browser: Browser;
before(async () => {
  scene = await startScene();
  const call = scene.begin("CAtry", { from: "+15550101234" });
  call.say("inbound", "My zeppelin has a puncture.");
  call.end();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await scene?.close();
});

const operation = (page: Page, id: string) => page.locator(`#${id}`);
const HOSTILE = `<img src=x onerror="document.title='owned'"><script>alert(1)</script>`;

async function openApi(page: Page, url = scene.url, path = "/api"): Promise<void> {
  await page.goto(url + path);
  await page.locator(".operation").first().waitFor();
}

const focusedId = (page: Page): Promise<string> =>
  page.evaluate("document.activeElement.closest('[id]')?.id ?? ''");

test("every operation of the document is there with its method, path, summary, parameters, answers and errors", async () => {
  const { page, faults, context } = await openPage(browser);
  await page.goto(scene.url);
  await page.getByRole("navigation").getByRole("link", { name: "API" }).click();
  await page.getByText("8 operations").waitFor();
  const { paths } = (await (await fetch(`${scene.url}/v1/openapi.json`)).json()) as Document;
  let count = 0;
  for (const [path, item] of Object.entries(paths))
    for (const [method, { operationId, summary, parameters = [] }] of Object.entries(item)) {
      count += 1;
      const part = operation(page, operationId);
      assert.equal(await part.locator("h2").textContent(), `${method.toUpperCase()} ${path}`);
      assert.equal(await part.locator(".short").textContent(), summary.replaceAll("`", ""));
      assert.equal(await part.locator(".inside").isVisible(), false);
      await part.locator("h2").click();
      const names = await part.locator(".inside > .schema > li > .facts > .name").allTextContents();
      assert.deepEqual(
        names,
        parameters.map(({ name }) => name),
      );
      await part.getByText("Answer 200").waitFor();
      await part.getByText("Errors: ").click();
      await part
        .locator("h4", { hasText: "404" })
        .or(part.locator("h4", { hasText: "429" }))
        .first()
        .waitFor();
      assert.equal(await part.getByRole("button", { name: "Send" }).count(), method === "get" ? 1 : 0);
      assert.match(
        (await part.locator(".curl").textContent()) ?? "",
        new RegExp(`^curl .*${path.split("{")[0]}`),
      );
    }
  assert.equal(await page.locator(".operation").count(), count);
  const list = operation(page, "listCalls");
  assert.match(
    (await list.locator("li", { hasText: "Rows at most" }).textContent()) ?? "",
    /1 to 200, default 50/,
  );
  await list.getByText("Fields").click();
  await list.locator(".schema .schema .name", { hasText: "hitCount" }).waitFor();
  await list.getByText("Example").click();
  const example = JSON.parse((await list.getByLabel("Example").textContent()) ?? "");
  assert.equal(example.calls[0].status, "live");
  const resend = operation(page, "resendCall");
  assert.match(
    (await resend.locator(".curl").textContent()) ?? "",
    /-X POST -H "Authorization: Bearer \$KEY" -H 'Content-Type: application\/json' --data-raw '\{"states":\["dead"\]/,
  );
  assert.deepEqual(faults, []);
  await context.close();
});

test("an operation that is tried is answered by the server, and the line for a shell is the same request", async () => {
  const { page, faults, context } = await openPage(browser);
  await openApi(page, scene.url, "/api#listCalls");
  const list = operation(page, "listCalls");
  await list.getByLabel("q", { exact: true }).fill("zeppelin & co");
  await list.getByLabel("status").selectOption("ended");
  const line = (await list.locator(".curl").textContent()) ?? "";
  assert.equal(
    line,
    `curl -H "Authorization: Bearer $KEY" '${scene.url}/v1/calls?q=zeppelin+%26+co&status=ended'`,
  );
  await list.getByLabel("q", { exact: true }).fill("zeppelin");
  await list.getByRole("button", { name: "Send" }).click();
  await list.getByText(/^200 OK · application\/json/).waitFor();
  const answer = JSON.parse((await list.getByLabel("Answer").textContent()) ?? "");
  assert.equal(answer.calls[0].callSid, "CAtry");
  assert.equal(answer.calls[0].hits[0].text, "My zeppelin has a puncture.");
  // What is refused is shown as it came.
  await list.getByLabel("limit").fill("201");
  await list.getByRole("button", { name: "Send" }).click();
  await list.getByText(/^400 Bad Request · application\/problem\+json/).waitFor();
  await list.getByLabel("Answer").getByText("REQUEST_UNSUPPORTED_OPTION").waitFor();
  // Without what is required, nothing is asked.
  await page.goto(`${scene.url}/api#getTranscript`);
  const transcript = operation(page, "getTranscript");
  await transcript.getByRole("button", { name: "Send" }).click();
  assert.equal(await focusedId(page), "getTranscript-field-0");
  await transcript.getByLabel("callSid").fill("CAtry");
  await transcript.getByLabel("format").selectOption("vtt");
  await page.keyboard.press("Enter");
  await transcript.getByRole("button", { name: "Send" }).click();
  await transcript.getByText(/^200 OK · text\/vtt/).waitFor();
  assert.match((await transcript.getByLabel("Answer").textContent()) ?? "", /^WEBVTT/);
  assert.deepEqual(faults, []);
  await context.close();
});

test("an address names an operation, also one that the search has hidden, and the search finds what is inside", async () => {
  const { page, context } = await openPage(browser);
  await openApi(page, scene.url, "/api#listDeliveries");
  assert.equal(await operation(page, "listDeliveries").getAttribute("open"), "");
  assert.equal(await focusedId(page), "listDeliveries");
  assert.ok(await operation(page, "listDeliveries").getByText("Answer 200").isVisible());
  await page.getByLabel("Look for").fill("call_live");
  await page.getByText("1 of 8 operations").waitFor();
  assert.deepEqual(
    await page.locator(".operation:visible").evaluateAll((parts) => parts.map(({ id }) => id)),
    ["deleteCall"],
  );
  await page.getByLabel("Look for").fill("hitCount GET");
  await page.getByText("1 of 8 operations").waitFor();
  await page.evaluate("location.hash = 'explainProblem'");
  await page.getByText("8 operations", { exact: true }).waitFor();
  assert.ok(await operation(page, "explainProblem").getByText("Needs no key.").isVisible());
  await page.getByLabel("Look for").fill("zebra");
  await page.getByText("Nothing was found.").waitFor();
  await page.goto(`${scene.url}/api#%E0%A4%A`);
  await page.reload();
  await page.getByText("8 operations", { exact: true }).waitFor();
  await context.close();
});

test("from the keyboard one comes to an operation, fills it in, sends it and reads and copies", async () => {
  const { page, context } = await openPage(browser, { permissions: ["clipboard-read", "clipboard-write"] });
  await openApi(page);
  const tabTo = async (wanted: string): Promise<void> => {
    const script =
      "((e) => e.getAttribute('aria-label') ?? (e.labels?.[0]?.textContent || e.textContent))(document.activeElement)";
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press("Tab");
      if (((await page.evaluate(script)) as string).includes(wanted)) return;
    }
    assert.fail(`Tab never comes to ${wanted}`);
  };
  await tabTo("Look for");
  await page.keyboard.type("getCall one");
  await page.getByText("1 of 8 operations").waitFor();
  await tabTo("GET /v1/calls/{callSid}");
  await page.keyboard.press("Enter");
  await tabTo("callSid");
  await page.keyboard.type("CAtry");
  await page.keyboard.press("Enter");
  await operation(page, "getCall")
    .getByText(/^200 OK/)
    .waitFor();
  await tabTo("Answer");
  await tabTo("Copy");
  await page.keyboard.press("Enter");
  await page.getByText("Copied.").waitFor();
  const copied = (await page.evaluate("navigator.clipboard.readText()")) as string;
  assert.equal(copied, `curl -H "Authorization: Bearer $KEY" '${scene.url}/v1/calls/CAtry'`);
  await context.close();
});

test("with keys, the page is there for everybody, what it asks needs a login, and one that has ended is told", async (t) => {
  const own = await startScene();
  t.after(() => own.close());
  own.begin("CAown").end();
  const { id, key } = own.addKey(["read"]);
  const { page, context } = await openPage(browser);
  await openApi(page, own.url, "/api#listCalls");
  const list = operation(page, "listCalls");
  await list.getByRole("button", { name: "Send" }).click();
  await list.getByText(/^401 Unauthorized/).waitFor();
  await page.getByText("You are not logged in.").waitFor();
  await page.getByRole("link", { name: "Log in" }).click();
  await page.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${own.url}/api#listCalls`);
  await list.getByRole("button", { name: "Send" }).click();
  await list.getByText(/^200 OK/).waitFor();
  assert.equal(await page.getByRole("alert").isVisible(), false);
  own.store.keys.revoke(id, Date.now());
  await list.getByRole("button", { name: "Send" }).click();
  await list.getByText(/^401 Unauthorized/).waitFor();
  await page.getByText("Your login has ended.").waitFor();
  await list.getByLabel("Answer").getByText("ACCESS_KEY_REVOKED").waitFor();
  await context.close();
});

test("a page elsewhere can neither frame the page nor use its login, and what is asked stays here", async (t) => {
  const own = await startScene();
  t.after(() => own.close());
  const { key } = own.addKey(["read"]);
  const { page, context } = await openPage(browser);
  await page.goto(`${own.url}/login?next=/api`);
  await page.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${own.url}/api`);
  const elsewhere = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<iframe src="${own.url}/api"></iframe>`);
  });
  elsewhere.listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  t.after(() => elsewhere.close());
  const evil = await context.newPage();
  await evil.goto(`http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`);
  await evil.waitForTimeout(500);
  assert.equal(await evil.frames()[1]?.locator(".operation").count(), 0);
  const read = await evil.evaluate(
    `fetch("${own.url}/v1/calls", { credentials: "include" }).then((answer) => answer.status, () => "refused")`,
  );
  assert.equal(read, "refused");
  const blind = await evil.evaluate(
    `fetch("${own.url}/v1/calls", { credentials: "include", mode: "no-cors" }).then((answer) => answer.type)`,
  );
  assert.equal(blind, "opaque");
  assert.ok((own.counters.snapshot()["access.refused.ACCESS_BAD_ORIGIN"] ?? 0) >= 2);
  await context.close();
});

test("a document with markup, circles and addresses elsewhere is text, and asks nobody", async () => {
  const { page, faults, context } = await openPage(browser);
  const schemas = {
    Circle: {
      type: "object",
      description: HOSTILE,
      properties: { [HOSTILE]: { $ref: "#/components/schemas/Circle" } },
    },
  };
  const answer = {
    description: HOSTILE,
    content: { [HOSTILE]: { schema: { $ref: "#/components/schemas/Circle" }, example: HOSTILE } },
  };
  const parameters = [
    { name: HOSTILE, in: "query", description: HOSTILE, schema: { type: "string", enum: [HOSTILE] } },
    { $ref: "#/nowhere" },
  ];
  const get = { operationId: HOSTILE, summary: HOSTILE, description: `- ${HOSTILE}\n- \`${HOSTILE}\`` };
  const root = {
    info: { title: HOSTILE, version: HOSTILE, description: HOSTILE },
    servers: [{ url: "/" }],
    security: [{ [HOSTILE]: [] }],
    components: { schemas, securitySchemes: { [HOSTILE]: { type: HOSTILE, description: HOSTILE } } },
    paths: {
      [`/${HOSTILE}`]: { get: { ...get, parameters, responses: { 200: answer, [HOSTILE]: answer } } },
      "/evil.example/": { get: { operationId: "trouble", responses: { 200: answer } } },
      "//evil.example/": { get: { operationId: "elsewhere" } },
      "/x": 5,
    },
  };
  await page.route("**/v1/openapi.json", (route) => route.fulfill({ json: root }));
  await page.goto(`${scene.url}/api`);
  await page.getByText("3 operations").waitFor();
  for (const part of await page.locator("summary").all()) if (await part.isVisible()) await part.click();
  assert.equal(await page.locator("img[src=x], main script").count(), 0);
  assert.doesNotMatch(await page.title(), /owned/);
  assert.equal(
    await page.locator("#trouble").count(),
    1,
    "no operation takes the name of a part of the page",
  );
  await operation(page, "elsewhere").getByRole("button", { name: "Send" }).click({ force: true });
  await page.getByText("This address is not of this server").waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("while the server cannot be reached the page says so, tries again by itself, and then shows all", async (t) => {
  const wire = await Wire.start(Number(new URL(scene.url).port));
  t.after(() => wire.close());
  const { page, context } = await openPage(browser);
  await page.route("**/v1/openapi.json", (route) => route.abort());
  await page.goto(`${wire.url}/api#getCall`);
  await page.getByText("The server cannot be reached. Trying again…").waitFor();
  await page.unroute("**/v1/openapi.json");
  await page.getByText("8 operations").waitFor();
  assert.equal(await page.getByRole("alert").isVisible(), false);
  assert.equal(await operation(page, "getCall").getAttribute("open"), "");
  await operation(page, "getCall").getByLabel("callSid").fill("CAtry");
  wire.down();
  await operation(page, "getCall").getByRole("button", { name: "Send" }).click();
  await page.getByText("The server cannot be reached, or took too long.").waitFor();
  wire.up();
  await operation(page, "getCall").getByRole("button", { name: "Send" }).click();
  await operation(page, "getCall")
    .getByText(/^200 OK/)
    .waitFor();
  await context.close();
});
