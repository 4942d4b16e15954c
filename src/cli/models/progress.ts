/**
 * How far a pull is: a bar on a terminal, a line now and then elsewhere.
 */
import { SingleBar } from "cli-progress";
import { messageOf } from "../../base/error.ts";
import type { HubFile } from "../../hub/listing.ts";
import type { PullReport } from "../../hub/pull.ts";
import { print } from "../terminal.ts";

/** Of a file, between two lines. */
const LINE_SHARE = 0.1;

export interface ShownReport extends PullReport {
  /** Takes a bar away; may be called twice. */
  stop(): void;
}

/** Standard output is for results: the bar goes to standard error, and with `json` there are no lines either. */
export function createReport({ json }: { json: boolean }, terminal = process.stderr): ShownReport {
  return terminal.isTTY && !json ? new BarReport(terminal) : new LineReport(json ? () => {} : print);
}

class BarReport implements ShownReport {
  readonly #terminal: NodeJS.WriteStream;
  #bar: SingleBar | null = null;
  #startAt = 0;
  #startBytes = 0;

  constructor(terminal: NodeJS.WriteStream) {
    this.#terminal = terminal;
  }

  began({ name, bytes }: HubFile, onDisk: number): void {
    this.#startAt = performance.now();
    this.#startBytes = onDisk;
    this.#bar = new SingleBar({
      format: `${name}  {bar} {percentage} %  {done} of ${size(bytes)}  {speed}/s`,
      stream: this.#terminal,
      hideCursor: true,
      clearOnComplete: true,
    });
    this.#bar.start(bytes, onDisk, { done: size(onDisk), speed: size(0) });
  }

  came(_: HubFile, bytes: number): void {
    const seconds = (performance.now() - this.#startAt) / 1000;
    const speed = seconds > 0 ? (bytes - this.#startBytes) / seconds : 0;
    this.#bar?.update(bytes, { done: size(bytes), speed: size(Math.max(0, speed)) });
  }

  ended(file: HubFile, how: "pulled" | "intact"): void {
    this.stop();
    print(endLine(file, how));
  }

  retried(_: HubFile, fault: Error, waitMs: number): void {
    this.#terminal.write(`\n${retryLine(fault, waitMs)}\n`);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

export class LineReport implements ShownReport {
  readonly #print: (line: string) => void;
  #toldShare = 0;

  constructor(printLine: (line: string) => void) {
    this.#print = printLine;
  }

  began({ name, bytes }: HubFile, onDisk: number): void {
    this.#toldShare = onDisk / bytes;
    this.#print(`${name}: ${size(bytes)}${onDisk > 0 ? `, ${size(onDisk)} are here` : ""}`);
  }

  came({ name, bytes: total }: HubFile, bytes: number): void {
    const share = bytes / total;
    if (share < this.#toldShare + LINE_SHARE || share === 1) return;
    this.#toldShare = share;
    this.#print(`${name}: ${Math.floor(share * 100)} %`);
  }

  ended(file: HubFile, how: "pulled" | "intact"): void {
    this.#print(endLine(file, how));
  }

  retried(_: HubFile, fault: Error, waitMs: number): void {
    this.#print(retryLine(fault, waitMs));
  }

  stop(): void {}
}

function endLine({ name, digest }: HubFile, how: "pulled" | "intact"): string {
  return `${name}: ${how === "pulled" ? "verified" : "is here already, verified"} (${digest.kind} ${digest.hex})`;
}

function retryLine(fault: Error, waitMs: number): string {
  return `${messageOf(fault)}; trying again in ${(waitMs / 1000).toFixed(1)} s`;
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
