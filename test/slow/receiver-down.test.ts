/**
 * A receiver that fails for hours, and a disk that is full: nothing that was accepted is lost.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_SCHEDULE, scaleSchedule } from "../../src/delivery/schedule.ts";
import { SECRET } from "../e2e/receiver.ts";
import { type Rig, startRig } from "../e2e/rig.ts";
import { loadFixture } from "./fixture.ts";
import { FlakyReceiver, type Mood } from "./flaky-receiver.ts";
import { type Delivery, judgeCall } from "./oracle.ts";
import { CONNECT_NUMBER, START_NUMBER } from "./settings.ts";
import { readinessOf, until } from "./wait.ts";

/** What an hour lasts here, ms. */
const HOUR_MS = 6000;
const SCHEDULE = scaleSchedule(DEFAULT_SCHEDULE, HOUR_MS / 3_600_000);

async function faultsOf(name: string, deliveries: readonly Delivery[]): Promise<string[]> {
  const { spoken } = await loadFixture(name);
  const { faults, duplicates, gaps } = judgeCall({ deliveries, spoken, sentUntilMs: Infinity });
  if (duplicates > 0) faults.push(`${duplicates} repeats`);
  if (gaps > 0) faults.push(`${gaps} gaps`);
  return faults;
}

test("a receiver that answers 500 for an hour, redirects, refuses and hangs gets every event once and in order", async (t) => {
  let mood: Mood = "error";
  const receiver = await FlakyReceiver.start(() => mood);
  const callback = { url: receiver.url, secrets: [SECRET] };
  const rig = await startRig({ callback }, { schedule: SCHEDULE });
  t.after(async () => {
    await rig.close();
    await receiver.refuse();
  });
  const calls = [
    { name: "two-track-start", report: await rig.replay("two-track-start", { to: START_NUMBER }) },
    { name: "greeting-connect", report: await rig.replay("greeting-connect") },
  ];
  await sleep(HOUR_MS);
  mood = "redirect";
  await until("a redirect", () => receiver.moods.redirect > 1);
  await receiver.refuse();
  await sleep(HOUR_MS / 2);
  assert.equal(
    (await readinessOf(rig.server.url))?.ready,
    true,
    "calls are taken while the receiver is down",
  );
  calls.push({ name: "dtmf-connect", report: await rig.replay("dtmf-connect") });
  mood = "hang";
  await receiver.listen();
  await until("a delivery that hangs", () => receiver.moods.hang > 0);
  assert.equal(receiver.deliveries.length, 0);
  const { pending, dead } = rig.server.store.countOutbox();
  assert.equal(dead, 0, "an outage costs nothing its life");
  assert.ok(pending > 10, `${pending} events wait`);

  mood = "take";
  const recoveredAt = Date.now();
  for (const { report } of calls)
    await until(`the end of ${report.callSid}`, () => receiver.hasEnded(report.callSid));
  console.log(`${JSON.stringify(receiver.moods)}, all delivered ${Date.now() - recoveredAt} ms after`);
  for (const { name, report } of calls) {
    assert.deepEqual(report.errors, []);
    assert.deepEqual(await faultsOf(name, receiver.of(report.callSid)), []);
  }
  await until("the outbox to be empty", () => rig.server.store.countOutbox().pending === 0);
  assert.equal(rig.server.store.countOutbox().dead, 0);
  assert.equal(receiver.followed, 0, "no redirect is followed");
});

/** A file system of its own that a file can fill; null where we may not mount one. */
function smallDisk(t: TestContext): { folder: string; fill: () => void; free: () => void } | null {
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmdirSync(folder);
    return null;
  }
  t.after(() => {
    execFileSync("umount", ["-l", folder]);
    rmdirSync(folder);
  });
  const filler = path.join(folder, "filler");
  return {
    folder,
    fill: () => {
      const file = openSync(filler, "w");
      try {
        for (;;) writeSync(file, Buffer.alloc(4096));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler),
  };
}

/** What a caller gets now: the verbs of the document. */
async function verbsFor(rig: Rig, to: string): Promise<string[]> {
  const { verbs } = await rig.replay("greeting-connect", { to });
  return verbs;
}

test("a disk that fills up in mid-call refuses calls, and loses no word of those it has", async (t) => {
  const disk = smallDisk(t);
  if (disk === null) return t.skip("needs the right to mount a file system");
  const rig = await startRig(
    { store: { path: path.join(disk.folder, "linescribe.db") } },
    { schedule: SCHEDULE },
  );
  t.after(() => rig.close());
  const { receiver, server } = rig;
  const of = (callSid: string) => receiver.arrivals.filter(({ event }) => event.callSid === callSid);
  const replay = rig.replay("greeting-connect", { speed: 4 });
  await until("a final", () => receiver.arrivals.some(({ event }) => event.type === "transcript.final"));
  disk.fill();
  await until("readiness to fall", async () => {
    const readiness = await readinessOf(server.url);
    return readiness?.status === 503 && readiness.reasons.includes("STORE_FULL");
  });
  const report = await replay;
  await until("events to wait for the store", () => server.counters.get("store.retries") > 2);
  assert.ok(!(await verbsFor(rig, CONNECT_NUMBER)).includes("Connect"));
  assert.deepEqual(await verbsFor(rig, START_NUMBER), ["Dial"]);
  assert.equal((await readinessOf(server.url))?.status, 503);
  assert.ok(!of(report.callSid).some(({ event }) => event.type === "call.ended"));

  disk.free();
  await receiver.ended(report.callSid);
  assert.deepEqual(await faultsOf("greeting-connect", of(report.callSid)), []);
  await until("readiness", async () => (await readinessOf(server.url))?.ready === true);
  const next = await rig.replay("greeting-connect");
  await receiver.ended(next.callSid);
  assert.deepEqual(await faultsOf("greeting-connect", of(next.callSid)), []);
  assert.equal(server.counters.get("call.commitsLost"), 0);
});
