/**
 * Two calls through the whole server and the real engine, watched on `/` while they are spoken.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { replayCall } from "../../src/cli/replay/replay.ts";
import { callFromSounds, loadRecordedCall } from "../../src/cli/replay/sound-call.ts";
import { CLIPS, mulawOf } from "../asr/clips.ts";
import { launch, openPage, type PagesRig, startPages, wordsOf } from "./rig.ts";

const AUTH_TOKEN = "a token that the carrier and we share";
const CLIP = CLIPS.find(({ id }) => id === "asterisk-en-agent-newlocation");
let rig: PagesRig;
let browser: Browser;

before(async () => {
  rig = await startPages({
    overrides: {
      publicUrl: "https://calls.example.com",
      twilio: { authTokens: [AUTH_TOKEN] },
      callback: { url: "http://127.0.0.1:9/nobody", secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] },
      numbers: [
        { number: "+15550100100", mode: "connect" },
        {
          number: "+15550100200",
          mode: "start",
          tracks: ["inbound", "outbound"],
          labels: { inbound: "caller", outbound: "agent" },
          then: { dial: "+15550109999" },
        },
      ],
    },
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await rig?.close();
});

test("two replayed calls are watched at once, partials before finals, and a word of one is found", async () => {
  assert.ok(CLIP);
  const { page, faults, context } = await openPage(browser);
  await page.goto(rig.server.url);
  await page.getByText("Nobody speaks right now.").waitFor();
  const options = {
    voiceUrl: `${rig.server.url}/twilio/voice`,
    publicUrl: "https://calls.example.com",
    authToken: AUTH_TOKEN,
    speed: 1,
  } as const;
  const fixture = path.resolve(import.meta.dirname, "../../fixtures/calls/two-track-start.jsonl");
  const silence = new Uint8Array(8000 * 2).fill(0xff);
  const sound = Buffer.concat([silence, mulawOf(CLIP), silence, silence]);
  const replays = Promise.all([
    replayCall({
      ...options,
      call: await loadRecordedCall(fixture),
      from: "+15550101111",
      to: "+15550100200",
    }),
    replayCall({ ...options, call: callFromSounds([sound]), from: "+15550102222" }),
  ]);
  const [first, second] = ["…1111", "…2222"].map((number) =>
    page.locator(".live-card").filter({ hasText: number }),
  );
  assert.ok(first && second);
  await Promise.all([first.waitFor(), second.waitFor()]);
  await second.locator(".partial .text").filter({ hasText: /\w/ }).waitFor({ timeout: 30_000 });
  const finalsOf = second.locator("li:not(.partial) .text");
  await finalsOf.first().waitFor({ timeout: 30_000 });
  await first.locator("li.caller:not(.partial) .text").first().waitFor({ timeout: 30_000 });
  await first.locator("li.agent:not(.partial) .text").first().waitFor({ timeout: 30_000 });
  assert.equal(wordsOf(...(await finalsOf.allTextContents())), wordsOf(CLIP.text));
  await page.getByLabel("Words").fill("extension");
  await page
    .locator("#calls tr", { hasText: "…2222" })
    .locator("mark", { hasText: "extension" })
    .first()
    .waitFor();
  const reports = await replays;
  assert.deepEqual(
    reports.flatMap(({ errors }) => errors),
    [],
  );
  await page.getByText("Nobody speaks right now.").waitFor({ timeout: 30_000 });
  await page.locator("#calls tr", { hasText: "…2222" }).getByRole("link", { name: "…2222" }).click();
  await page.locator(".turn", { hasText: "extension" }).waitFor();
  assert.ok((await page.locator("#timeline .delay").count()) > 0);
  assert.deepEqual(faults, []);
  await context.close();
});
