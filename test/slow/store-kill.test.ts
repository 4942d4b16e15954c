import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { openStore } from "../../src/store/store.ts";
import { type CallEvent, webhookBody } from "../../src/transcript/event.ts";
import { temporaryFile } from "../store/sample.ts";

const KILLS = 12;
const WRITER = path.join(import.meta.dirname, "store-kill-writer.ts");

/** Runs the writer until it has acknowledged `commits` commits, then `kill -9`; returns what it acknowledged. */
async function writeUntilKilled(file: string, firstUtterance: number, commits: number): Promise<CallEvent[]> {
  const child = spawn(process.execPath, ["--import", "tsx", WRITER, file, String(firstUtterance)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let text = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => {
    text += chunk;
    if (text.split("\n").length > commits) child.kill("SIGKILL");
  });
  const [, signal] = await closed;
  assert.equal(signal, "SIGKILL", "the writer was killed and did not fail");
  return text
    .slice(0, text.lastIndexOf("\n"))
    .split("\n")
    .flatMap((line) => JSON.parse(line) as CallEvent[]);
}

test(`after each of ${KILLS} kills every acknowledged event is there and owed, and the outbox is whole`, async (t) => {
  const file = temporaryFile(t, tmpdir());
  const acknowledged = new Map<string, CallEvent>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const first =
      1 +
      Math.max(
        0,
        ...[...acknowledged.values()].map((e) => (e.type === "transcript.final" ? e.utterance : 0)),
      );
    const commits = 1 + Math.floor(Math.random() * 200);
    for (const event of await writeUntilKilled(file, first, commits)) acknowledged.set(event.id, event);

    const store = openStore({ path: file, exclusive: true });
    const stored = [0, 1, 2, 3].flatMap((call) => {
      const events = store.events(`CA${call}`);
      assert.deepEqual(
        events.map(({ sequence }) => sequence),
        events.map((_, index) => index + 1),
        "sequences have no hole",
      );
      assert.equal(events.length % 2, 0, "both events of a commit are there, or none");
      return events;
    });
    const byId = new Map(stored.map((event) => [event.id, event]));
    for (const event of acknowledged.values()) assert.deepEqual(byId.get(event.id), event);
    assert.ok(stored.length - acknowledged.size <= 2 * (kill + 1), "at most one commit a kill was not told");
    assert.equal(store.countOutbox().pending, stored.length);
    for (const event of stored) acknowledged.set(event.id, event);

    const heads = store.dueHeads("http://127.0.0.1:9/hook", Date.now() + 1000, 10);
    for (const head of heads) assert.equal(head.body, webhookBody(byId.get(head.messageId) as CallEvent));
    assert.equal(heads.length, new Set(stored.map(({ callSid }) => callSid)).size);
    store.close();
  }
  console.log(`kills ${KILLS}, events ${acknowledged.size}, lost 0`);
});
