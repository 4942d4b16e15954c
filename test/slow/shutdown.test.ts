/**
 * Stops `linescribe serve` by signals while calls are live, and starts it again on the same store.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { replayCall } from "../../src/cli/replay/replay.ts";
import type { ReplayReport } from "../../src/cli/replay/report.ts";
import { AUTH_TOKEN, freePort } from "../e2e/rig.ts";
import { type Fixture, followed, loadFixture } from "./fixture.ts";
import { FlakyReceiver } from "./flaky-receiver.ts";
import { judgeCall } from "./oracle.ts";
import { ServerChild } from "./server-child.ts";
import { CONNECT_NUMBER, PUBLIC_URL, START_NUMBER, slowSettings } from "./settings.ts";
import { healthOf, readinessOf, until } from "./wait.ts";

const DRAIN_MS = 20_000;
/** In the middle of an utterance of both fixtures: the caller of one speaks to 6623 ms, of the other to 8380 ms. */
const MID_SPEECH_MS = 5900;

/** A carrier's call in real time. */
interface LiveCall {
  fixture: Fixture;
  callSid: string;
  playedMs: () => number;
  /** What had been sent when the stream ended, ms. */
  sentUntilMs: number;
  report: Promise<ReplayReport>;
}

/** A server with the shipped command, a receiver that can be made to wait, and a carrier. */
class Rig {
  receiver!: FlakyReceiver;
  child!: ServerChild;
  url = "";
  #configFile = "";
  #held: Promise<void> | null = null;
  #letGo = () => {};

  async start(t: TestContext): Promise<void> {
    const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-shutdown-"));
    this.receiver = await FlakyReceiver.start(async () => {
      await this.#held;
      return "take" as const;
    });
    const port = await freePort();
    this.#configFile = path.join(folder, "config.json");
    const settings = slowSettings({
      port,
      callbackUrl: this.receiver.url,
      storePath: path.join(folder, "linescribe.db"),
      limits: { drainMs: DRAIN_MS, recoverMs: 2000 },
    });
    writeFileSync(this.#configFile, JSON.stringify(settings));
    t.after(async () => {
      this.letReceiverAnswer();
      await this.child.kill();
      await this.receiver.refuse();
      rmSync(folder, { recursive: true, force: true });
    });
    await this.startServer();
  }

  async startServer(): Promise<void> {
    this.child = ServerChild.serve(this.#configFile);
    this.url = await this.child.listening();
  }

  /** Deliveries arrive and are not answered until `letReceiverAnswer`. */
  holdReceiver(): void {
    this.#held = new Promise((resolve) => {
      this.#letGo = resolve;
    });
  }

  letReceiverAnswer(): void {
    this.#letGo();
    this.#held = null;
  }

  async call(name: string, to: string): Promise<LiveCall> {
    const fixture = await loadFixture(name);
    const { call, playedMs } = followed(fixture.call);
    const callSid = `CA${Math.random().toString(16).slice(2).padEnd(32, "0").slice(0, 32)}`;
    const live: LiveCall = {
      fixture,
      callSid,
      playedMs,
      sentUntilMs: 0,
      report: this.#replay(() => live, call, to),
    };
    return live;
  }

  /** What a caller of this moment gets: the verbs of the document. */
  async verbsFor(to: string): Promise<string[]> {
    const { call } = await loadFixture("greeting-connect");
    const hangUp = new AbortController();
    const verbs: string[] = [];
    await replayCall({
      ...this.#carrier(),
      call: { ...call, messages: [], endAtMs: call.startAtMs },
      to,
      speed: "max",
      signal: hangUp.signal,
      onEvent: (event) => {
        if (event.type === "verb") verbs.push(event.verb);
      },
    });
    return verbs;
  }

  #carrier() {
    return { voiceUrl: `${this.url}/twilio/voice`, publicUrl: PUBLIC_URL, authToken: AUTH_TOKEN };
  }

  async #replay(live: () => LiveCall, call: Fixture["call"], to: string): Promise<ReplayReport> {
    await Promise.resolve();
    const { callSid, playedMs } = live();
    return replayCall({
      ...this.#carrier(),
      callSid,
      call,
      to,
      speed: 1,
      onEvent: (event) => {
        if (event.type === "stream.ended") live().sentUntilMs = playedMs();
      },
    });
  }
}

function faultsOf({ receiver }: Rig, { callSid, fixture, sentUntilMs }: LiveCall): string[] {
  return judgeCall({ deliveries: receiver.of(callSid), spoken: fixture.spoken, sentUntilMs }).faults;
}

test("the first SIGTERM ends calls with all their words, refuses new ones and exits 0 in time", async (t) => {
  const rig = new Rig();
  await rig.start(t);
  const calls = await Promise.all([
    rig.call("greeting-connect", CONNECT_NUMBER),
    rig.call("two-track-start", START_NUMBER),
  ]);
  await until("both calls to speak", () => calls.every(({ playedMs }) => playedMs() >= MID_SPEECH_MS));
  rig.holdReceiver();
  const signalledAt = Date.now();
  rig.child.signal("SIGTERM");
  await until("readiness to fall", async () => (await readinessOf(rig.url))?.status === 503);
  assert.deepEqual((await readinessOf(rig.url))?.reasons, ["SERVER_DRAINING"]);
  assert.deepEqual(await rig.verbsFor(CONNECT_NUMBER), ["Say", "Hangup"]);
  assert.deepEqual(await rig.verbsFor(START_NUMBER), ["Dial"]);
  rig.letReceiverAnswer();
  assert.deepEqual(await rig.child.exited(), { code: 0, signal: null }, rig.child.log.join("\n"));
  const tookMs = Date.now() - signalledAt;
  assert.ok(tookMs < DRAIN_MS, `it took ${tookMs} ms`);
  await Promise.all(calls.map(({ report }) => report));
  for (const call of calls) {
    assert.deepEqual(faultsOf(rig, call), []);
    const events = rig.receiver.of(call.callSid).map(({ event }) => event);
    const last = events.at(-1);
    assert.ok(last?.type === "call.ended" && last.reason === "shutdown");
    assert.equal(last.gaps, 0, "what was spoken is text, not a gap");
    const heard = events.some(
      (event) => event.type === "transcript.final" && event.endMs >= MID_SPEECH_MS - 350,
    );
    assert.ok(heard, "the open utterance was recognised");
    console.log(`${events.length} events, sent ${call.sentUntilMs} ms, stopped in ${tookMs} ms`);
  }

  const arrived = rig.receiver.deliveries.length;
  await rig.startServer();
  const next = await rig.call("greeting-connect", CONNECT_NUMBER);
  await next.report;
  await until("the next call", () => rig.receiver.hasEnded(next.callSid));
  assert.deepEqual(faultsOf(rig, next), []);
  const late = rig.receiver.deliveries.slice(arrived).filter(({ event }) => event.callSid !== next.callSid);
  assert.deepEqual(late, [], "nothing of the old calls came again");
});

test("the second SIGTERM exits at once, and the next server loses and doubles nothing", async (t) => {
  const rig = new Rig();
  await rig.start(t);
  const call = await rig.call("two-track-start", START_NUMBER);
  await until("the call to speak", () => call.playedMs() >= MID_SPEECH_MS);
  rig.holdReceiver();
  rig.child.signal("SIGTERM");
  await until("readiness to fall", async () => (await readinessOf(rig.url))?.status === 503);
  const secondAt = Date.now();
  rig.child.signal("SIGTERM");
  const exit = await rig.child.exited();
  const tookMs = Date.now() - secondAt;
  assert.deepEqual(exit, { code: null, signal: "SIGKILL" }, rig.child.log.join("\n"));
  assert.ok(tookMs < 2000, `it took ${tookMs} ms`);
  rig.letReceiverAnswer();
  await rig.startServer();
  await until("the call to end", () => rig.receiver.hasEnded(call.callSid));
  await until("the outbox to be empty", async () => (await healthOf(rig.url))?.outboxPending === 0);
  await call.report;
  assert.deepEqual(faultsOf(rig, call), []);
  console.log(`second signal: exit in ${tookMs} ms, ${rig.receiver.of(call.callSid).length} events`);
});
