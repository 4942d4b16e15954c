import assert from "node:assert/strict";
import { test } from "node:test";
import { breakAfter, pullFrom, readyFiles, startHub, temporaryFolder } from "./fake-hub.ts";
import { checkResuming } from "./resuming.ts";

test("broken off anywhere and any number of times, it is the same file in the end", (t) =>
  checkResuming(t, 6));

test("no byte is fetched twice where the server knows ranges", async (t) => {
  const files = readyFiles("whisper-tiny", 3000);
  const hub = await startHub(t, files);
  const cuts = [1, 999, 0, 500];
  hub.onGraph = (request, response, body) => {
    const bytes = cuts.shift();
    if (bytes === undefined) return false;
    breakAfter(request, response, body, bytes, 20);
    return true;
  };
  await pullFrom(hub, temporaryFolder(t));
  assert.deepEqual(hub.ranges(), [undefined, "bytes=1-", "bytes=1000-", "bytes=1000-", "bytes=1500-"]);
});
