/**
 * Writing for people: lines, tables, times.
 */
import pc from "picocolors";
import { columnsOf, endOf, padEnd, printable } from "./terminal-text.ts";

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/**
 * The last line of a terminal, written over and over while lines above it stay. Where output is no terminal, nothing is
 * written over: there only what `print` is given appears.
 */
export class LiveLine {
  readonly #output: NodeJS.WriteStream;
  #shown = false;

  constructor(output: NodeJS.WriteStream = process.stdout) {
    this.#output = output;
  }

  get isLive(): boolean {
    return this.#output.isTTY === true;
  }

  /** Shows `text`, of which the end is kept when it is too long, behind `head`. */
  show(head: string, text: string): void {
    if (!this.isLive) return;
    const width = Math.max(10, (this.#output.columns || 80) - columnsOf(head) - 1);
    const shown = printable(text);
    const end = columnsOf(shown) > width ? `...${endOf(shown, width - 3)}` : shown;
    this.#output.write(`\r\u001b[2K${head}${pc.dim(end)}`);
    this.#shown = true;
  }

  /** Prints a line that stays. */
  print(line: string): void {
    this.#output.write(`${this.#shown ? "\r\u001b[2K" : ""}${line}\n`);
    this.#shown = false;
  }
}

/** Columns as wide as their widest cell; the last one is left as it is. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, columnsOf(cell));
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => padEnd(cell, widths[column] as number))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `83450` as `1:23.4`. */
export function clock(ms: number): string {
  const tenths = Math.floor(ms / 100);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}
