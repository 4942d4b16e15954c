/**
 * `linescribe demo`: a recorded call in real time through the whole program, and what became of its words.
 */
import pc from "picocolors";
import { createLogger } from "../app/logger.ts";
import type { TranscriptPartial } from "../transcript/partial.ts";
import type { ComparedText } from "./demo/comparison.ts";
import type { ReceivedEvent } from "./demo/receiver.ts";
import { type Fixture, loadFixture } from "./demo/reference.ts";
import { type DemoRun, runDemo } from "./demo/run.ts";
import { judge, type Verdict } from "./demo/verdict.ts";
import { clock, LiveLine, print, printJson, table } from "./terminal.ts";
import { printable, wrap } from "./terminal-text.ts";

/** Width of the columns that hold spoken words, on a terminal of unknown width and at least. */
const TEXT_COLUMN = 34;

/** Exit code 1 unless every final arrived signed, `call.ended` came last, and the error rate is under 15 %. */
export async function demo({
  fixture: name,
  json = false,
}: {
  fixture: string;
  json?: boolean;
}): Promise<void> {
  const fixture = await loadFixture(name);
  const live = new LiveLine();
  const say = json ? () => {} : (line: string) => live.print(line);
  say(pc.dim("starting the server and loading the models ..."));
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort());
  const run = await runDemo({
    fixture,
    signal: abort.signal,
    logger: createLogger("warn", process.stderr),
    onReady: (server) => {
      const seconds = ((fixture.call.endAtMs - fixture.call.startAtMs) / 1000).toFixed(0);
      say(`server on ${server.url}; playing ${name}, a call of ${seconds} s, in real time`);
      say("");
    },
    onPartial: (partial) => {
      if (json) return;
      if (live.isLive) live.show(livePosition(partial), partial.text);
      else if (partial.endpoint)
        say(`${pc.dim("live    transcript.partial")}  ${livePosition(partial)}${printable(partial.text)}`);
    },
    onReceived: (received) => say(liveLine(received)),
  });
  const verdict = judge(run, fixture);
  if (json) printJson({ fixture: name, ...jsonOf(run, verdict) });
  else report(run, verdict, fixture);
  if (verdict.faults.length > 0) process.exitCode = 1;
}

/** Where an utterance starts, in front of what is known of it. */
function livePosition({ startMs, track }: TranscriptPartial): string {
  return `${clock(startMs)} ${track}: `;
}

/** What the receiver got, when it got it. */
function liveLine({ event }: ReceivedEvent): string {
  const mark = `${pc.green("signed")}  ${pc.dim(event.type.padEnd(16))}`;
  switch (event.type) {
    case "transcript.final":
      return `${mark}  ${clock(event.startMs)} ${event.track}: ${printable(event.text)}`;
    case "transcript.gap":
      return `${mark}  ${clock(event.startMs)} to ${clock(event.endMs)} ${event.track}: ${event.cause}`;
    case "call.dtmf":
      return `${mark}  ${clock(event.atMs)} ${event.track}: key ${event.digit}`;
    case "call.started":
      return `${mark}  ${event.from} calls ${event.to}`;
    case "call.ended":
      return `${mark}  after ${clock(event.durationMs)}: ${event.reason}`;
  }
}

function jsonOf(run: DemoRun, { comparison, finals, arrived, delayMs, faults }: Verdict) {
  const { rows, total } = comparison;
  return {
    ok: faults.length === 0,
    faults,
    startMs: run.startMs,
    finals: { committed: finals, arrivedSigned: arrived },
    events: run.received.length,
    wer: total.wer,
    words: total.words,
    delayMs,
    utterances: rows,
  };
}

function report(run: DemoRun, verdict: Verdict, { spoken }: Fixture): void {
  const { comparison, finals, arrived, delayMs, faults } = verdict;
  const { total, rows } = comparison;
  const twoTracks = new Set(spoken.map(({ track }) => track)).size > 1;
  const width = Math.max(TEXT_COLUMN, Math.floor(((process.stdout.columns ?? 100) - 32) / 2));
  print("");
  print(
    table([
      ["#", "EXPECTED", "HEARD", "ERRORS", "DELAY"],
      ...rows.flatMap((row, index) => cells(row, `${index + 1}${twoTracks ? ` ${row.track}` : ""}`, width)),
    ]),
  );
  print("");
  print(
    `word error rate ${percent(total.wer)} of ${total.words} words; ${arrived} of ${finals} finals arrived signed` +
      (delayMs
        ? `; from the last sound to the webhook ${delayMs.p50} ms (half), ${delayMs.p95} ms (95 %)`
        : ""),
  );
  print(pc.dim(`${run.received.length} signed webhooks; the server was ready after ${run.startMs} ms`));
  for (const fault of faults) print(pc.red(`failed: ${fault}`));
  if (faults.length === 0) print(pc.green("passed"));
}

/** One row of the comparison in as many lines as its longest text needs. */
function cells({ expected, heard, wer, delayMs }: ComparedText, head: string, width: number): string[][] {
  const [left, right] = [wrap(printable(expected), width), wrap(printable(heard), width)];
  const lines = Math.max(left.length, right.length);
  return Array.from({ length: lines }, (_, line) => [
    line === 0 ? head : "",
    left[line] ?? "",
    right[line] ?? "",
    line === 0 ? percent(wer) : "",
    line === 0 && delayMs !== null ? `${delayMs} ms` : "",
  ]);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
