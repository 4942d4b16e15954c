import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { begin, pullFrom, readyFiles, startHub, temporaryFolder } from "./fake-hub.ts";
import { checkResuming } from "./resuming.ts";

test("broken off anywhere and any number of times, it is the same file in the end", (t) =>
  checkResuming(t, 6));

test("no byte that was written is fetched twice where the server knows ranges", async (t) => {
  const hub = await startHub(t, readyFiles("whisper-tiny", 3000));
  const cuts = [1, 1000, 1000, 1500];
  let open: ServerResponse | null = null;
  let written = 0;
  hub.onGraph = (request, response, body) => {
    const [cut] = cuts;
    if (cut === undefined) return false;
    open = response;
    begin(request, response, body, cut - written);
    if (cut === written) breakOff(cut);
    return true;
  };
  const breakOff = (bytes: number) => {
    written = bytes;
    if (bytes !== cuts[0]) return;
    cuts.shift();
    open?.destroy();
  };
  await pullFrom(hub, temporaryFolder(t), { came: breakOff });
  assert.deepEqual(hub.ranges(), [undefined, "bytes=1-", "bytes=1000-", "bytes=1000-", "bytes=1500-"]);
});
