/**
 * Kills a real server with `kill -9` at random moments of live calls, and holds what the receiver got against what
 * the carrier sent. KILL_TEST_SEED repeats a run's choices, KILL_TEST_KILLS changes how often.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../e2e/rig.ts";
import { judgeCalls, type Totals } from "./call-judge.ts";
import { loadFixture } from "./fixture.ts";
import { FlakyReceiver, type Mood } from "./flaky-receiver.ts";
import { openFrontDoor } from "./front-door.ts";
import { SeededRandom } from "./random.ts";
import { ServerChild } from "./server-child.ts";
import { CONNECT_NUMBER, SPANISH_NUMBER, START_NUMBER, slowSettings } from "./settings.ts";
import { type Script, Traffic } from "./traffic.ts";

const KILLS = Number(process.env.KILL_TEST_KILLS ?? 50);
const SEED = Number(process.env.KILL_TEST_SEED ?? Date.now() % 1_000_000);
/** Calls at a time. */
const LINES = 4;
/** Kills between two checks of everything. */
const ROUND = 10;
/** How long a call that lost its stream waits for another, ms. */
const RECOVER_MS = 4000;
/** How long an answered call waits for its first stream, ms. */
const STREAM_WAIT_MS = 8000;
/** Longest time from a server that listens to its kill, ms: longer than most utterances, so that some are finals. */
const LIFE_MS = 9000;
const DRAIN_TIMEOUT_MS = 90_000;

class KillRun {
  readonly random = new SeededRandom(SEED);
  readonly #weather = new SeededRandom(SEED + 1);
  readonly folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-kill-"));
  receiver!: FlakyReceiver;
  traffic!: Traffic;
  kills = 0;
  #port = 0;
  #child!: ServerChild;
  #closeDoor = async () => {};
  /** When the receiver listens again. */
  #receiverBack = Promise.resolve();

  async start(): Promise<void> {
    this.receiver = await FlakyReceiver.start(() => this.#mood());
    this.#port = await freePort();
    const door = await openFrontDoor(this.#port, 10_000);
    this.#closeDoor = door.close;
    this.traffic = new Traffic(await this.#scripts(door.url), this.random);
    await this.#startServer();
  }

  async close(): Promise<void> {
    await this.#child.kill();
    await this.#closeDoor();
    await this.#receiverBack;
    await this.receiver.refuse();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get storePath(): string {
    return path.join(this.folder, "linescribe.db");
  }

  get log(): string {
    return this.#child.log.join("\n");
  }

  /** Kills at a random moment while a call is live, and starts the next server. */
  async kill(): Promise<void> {
    await this.#moment();
    while (this.traffic.live === 0) await sleep(20);
    await this.#child.kill();
    this.kills += 1;
    if (this.random.next() < 0.2) await this.#receiverIsAway();
    await this.#startServer();
  }

  /** Resolves when the server has no call and owes nothing. */
  async drained(): Promise<void> {
    const deadline = Date.now() + DRAIN_TIMEOUT_MS;
    for (;;) {
      const health = await this.#health();
      if (health.calls === 0 && health.outboxPending === 0) {
        assert.equal(health.outboxDead, 0, "no delivery was given up");
        return;
      }
      if (Date.now() > deadline) throw new Error(`not drained: ${JSON.stringify(health)}\n${this.log}`);
      await sleep(100);
    }
  }

  async #health(): Promise<{ calls: number; outboxPending: number; outboxDead: number }> {
    return (await fetch(`http://127.0.0.1:${this.#port}/healthz`)).json() as never;
  }

  /** Of ten kills four come at any time, four right after a final arrived and two right after a hang-up. */
  async #moment(): Promise<void> {
    const kind = this.random.next();
    const anyTimeMs = this.random.between(0, LIFE_MS);
    if (kind < 0.4) return void (await sleep(anyTimeMs));
    const justAfterMs = this.random.between(0, kind < 0.8 ? 100 : 800);
    const happened = new Promise<void>((resolve) => {
      if (kind >= 0.8) this.traffic.onHangUp = resolve;
      else
        this.receiver.onDelivery = ({ event }) => {
          if (event.type === "transcript.final") resolve();
        };
    });
    await Promise.race([happened.then(() => sleep(justAfterMs)), sleep(LIFE_MS)]);
  }

  async #receiverIsAway(): Promise<void> {
    const awayMs = this.random.between(500, 3000);
    await this.#receiverBack;
    await this.receiver.refuse();
    this.#receiverBack = sleep(awayMs).then(() => this.receiver.listen());
  }

  #mood(): Mood {
    const luck = this.#weather.next();
    return luck < 0.1 ? "error" : luck < 0.15 ? "lose" : "take";
  }

  async #startServer(): Promise<void> {
    this.#child = ServerChild.start({
      settings: slowSettings({
        port: this.#port,
        callbackUrl: this.receiver.url,
        storePath: this.storePath,
        limits: { recoverMs: RECOVER_MS },
      }),
      callLimits: { streamWaitMs: STREAM_WAIT_MS, statusGraceMs: 2000 },
      scheduleFactor: 0.02,
    });
    await this.#child.listening();
  }

  /** Most callers come through the door, which waits for a restarting server; some find nobody there. */
  async #scripts(door: string): Promise<Script[]> {
    const direct = `http://127.0.0.1:${this.#port}/twilio/voice`;
    const through = `${door}/twilio/voice`;
    const connect = async (name: string, voiceUrl: string, to = CONNECT_NUMBER): Promise<Script> => ({
      fixture: await loadFixture(name),
      to,
      mode: "connect",
      voiceUrl,
    });
    const start = async (voiceUrl: string): Promise<Script> => ({
      fixture: await loadFixture("two-track-start"),
      to: START_NUMBER,
      mode: "start",
      voiceUrl,
    });
    return Promise.all([
      connect("greeting-connect", through),
      connect("dtmf-connect", through),
      connect("no-stop", through),
      connect("spanish", through, SPANISH_NUMBER),
      connect("greeting-connect", direct),
      start(through),
      start(through),
      start(direct),
    ]);
  }
}

test(`${KILLS} kills in live calls lose no speech: it is in finals or gaps at the receiver`, async (t) => {
  console.log(`seed ${SEED}`);
  const run = new KillRun();
  t.after(() => run.close());
  await run.start();
  const totals: Totals = { calls: 0, finals: 0, gaps: 0, duplicates: 0, faults: [] };
  let judged = 0;
  while (run.kills < KILLS) {
    run.traffic.begin(LINES);
    for (let kill = 0; kill < ROUND && run.kills < KILLS; kill++) await run.kill();
    await run.traffic.end({ cut: run.kills < KILLS });
    await run.drained();
    const known = totals.faults.length;
    judgeCalls(run.storePath, run.receiver, run.traffic.calls.slice(judged), totals);
    for (const fault of totals.faults.slice(known)) console.log(fault);
    judged = run.traffic.calls.length;
    const { calls, finals, gaps, duplicates, faults } = totals;
    console.log(
      `kills ${run.kills}, calls ${calls}, finals ${finals}, gaps ${gaps}, duplicates ${duplicates}, ` +
        `faults ${faults.length}, receiver ${JSON.stringify(run.receiver.moods)}`,
    );
  }
  assert.deepEqual(totals.faults, [], totals.faults.join("\n"));
  assert.equal(run.receiver.forged, 0);
  assert.ok(totals.finals > 0 && totals.gaps > 0, "the run saw finals and gaps");
});
