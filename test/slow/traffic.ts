/**
 * Callers: several recorded calls at a time in real time, one after the other, with what each of them sent.
 */
import { createSid, replayCall } from "../../src/cli/replay/replay.ts";
import type { ReplayReport } from "../../src/cli/replay/report.ts";
import { AUTH_TOKEN } from "../e2e/rig.ts";
import { type Fixture, followed } from "./fixture.ts";
import type { SeededRandom } from "./random.ts";

/** A fixture, the number that it calls, and whether the carrier finds the server while it restarts. */
export interface Script {
  fixture: Fixture;
  to: string;
  /** Of the number. */
  mode: "start" | "connect";
  voiceUrl: string;
}

export interface PlacedCall {
  callSid: string;
  script: Script;
  /** A stream is open. */
  live: boolean;
  /** Streams that were opened: when their start was sent and when the carrier saw them end, Unix ms. */
  streams: { startedAt: number; endedAt: number | null }[];
  /** Media time up to which a stream carried the recording, ms. */
  sentUntilMs: number;
  /** Null until the carrier is done with the call. */
  report: ReplayReport | null;
}

export class Traffic {
  readonly calls: PlacedCall[] = [];
  /** Told when the carrier ends a stream because its call is over. */
  onHangUp: () => void = () => {};
  readonly #scripts: readonly Script[];
  readonly #random: SeededRandom;
  readonly #running = new Set<Promise<void>>();
  /** Of the calls that the carrier is not done with. */
  readonly #hangUps = new Set<AbortController>();
  #open = false;

  constructor(scripts: readonly Script[], random: SeededRandom) {
    this.#scripts = scripts;
    this.#random = random;
  }

  get live(): number {
    return this.calls.filter(({ live }) => live).length;
  }

  /** Places calls on `lines` lines, a new one whenever a line is free. */
  begin(lines: number): void {
    this.#open = true;
    for (let line = 0; line < lines; line++) this.#run(this.#occupy());
  }

  /** No new calls; resolves when the carrier is done with all. `cut`: those that last are torn off at once. */
  async end({ cut }: { cut: boolean }): Promise<void> {
    this.#open = false;
    if (cut) for (const hangUp of this.#hangUps) hangUp.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #run(task: Promise<void>): void {
    this.#running.add(task);
    void task.finally(() => this.#running.delete(task));
  }

  async #occupy(): Promise<void> {
    while (this.#open) {
      const free = this.#place();
      await free;
    }
  }

  /** Resolves when the line is free: the call is over, or its stream has died for good. */
  #place(): Promise<void> {
    const script = this.#random.pick(this.#scripts);
    const call: PlacedCall = {
      callSid: createSid("CA"),
      script,
      live: false,
      streams: [],
      sentUntilMs: 0,
      report: null,
    };
    this.calls.push(call);
    const hangUp = new AbortController();
    this.#hangUps.add(hangUp);
    return new Promise((resolve) => {
      const replay = this.#replay(call, hangUp.signal, resolve).finally(() => {
        this.#hangUps.delete(hangUp);
        resolve();
      });
      this.#run(replay);
    });
  }

  async #replay(call: PlacedCall, signal: AbortSignal, onDead: () => void): Promise<void> {
    const { fixture, to, mode, voiceUrl } = call.script;
    const { call: recorded, playedMs } = followed(fixture.call);
    call.report = await replayCall({
      voiceUrl,
      publicUrl: "https://calls.example.com",
      authToken: AUTH_TOKEN,
      callSid: call.callSid,
      call: recorded,
      to,
      speed: 1,
      signal,
      onEvent: (event) => {
        if (event.type === "stream.started") {
          call.live = true;
          call.streams.push({ startedAt: Date.now(), endedAt: null });
        } else if (event.type === "stream.ended") {
          call.live = false;
          const stream = call.streams.at(-1);
          if (stream) stream.endedAt = Date.now();
          call.sentUntilMs = playedMs();
          if (event.end.by === "carrier") this.onHangUp();
          // Nothing is re-dialled on a start number without the carrier's API: the parties talk on unheard.
          else if (mode === "start") onDead();
        }
      },
    });
  }
}
