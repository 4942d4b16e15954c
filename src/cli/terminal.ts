/**
 * Writing for people: lines, tables, times.
 */
import pc from "picocolors";

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
    const width = Math.max(10, (this.#output.columns || 80) - head.length - 1);
    const end = text.length > width ? `...${text.slice(3 - width)}` : text;
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
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
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

/** `text` in lines of at most `width` characters, broken between words; at least one line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
