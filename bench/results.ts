/**
 * `bench/RESULTS.md`: what the benches printed, a section each, written by them and never by hand.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { machineName } from "./yardstick.ts";

const FILE = path.resolve(import.meta.dirname, "RESULTS.md");
const HEAD = `# Results

What the benches printed, on the machine and at the commit that each section names. \`npm run bench -- NAME --save\`
writes a section; nobody edits this file by hand. \`DIR\` is a folder of recordings that the project does not ship.
`;

export interface Section {
  /** The bench and its arguments; a later section of the same name takes the place of an earlier one. */
  name: string;
  /** ISO date. */
  date: string;
  commit: string;
  machine: string;
  lines: readonly string[];
}

const markOf = (name: string): string => `<!-- bench: ${name} -->`;
const MARK = /^<!-- bench: (.*) -->$/m;

/** The text of the file with the section in its place: sections are sorted by name, others stay as they are. */
export function withSection(text: string, section: Section): string {
  const [, ...parts] = text.split(MARK);
  const bodies = new Map<string, string>();
  for (let at = 0; at + 1 < parts.length; at += 2)
    bodies.set(parts[at] as string, (parts[at + 1] as string).trim());
  bodies.set(section.name, bodyOf(section));
  const sorted = [...bodies].sort(([a], [b]) => (a < b ? -1 : 1));
  return [HEAD, ...sorted.map(([name, body]) => `${markOf(name)}\n${body}\n`)].join("\n");
}

function bodyOf({ name, date, commit, machine, lines }: Section): string {
  // What was heard may look like Markdown.
  const printed = lines.join("\n").replaceAll("```", "'''").replaceAll("<!--", "<--").trim();
  const command = `npm run bench -- ${name} --save`;
  return `## ${name}\n\n${date}, commit ${commit}, ${machine}\n\n    ${command}\n\n\`\`\`text\n${printed}\n\`\`\``;
}

/** @param args - As they were given; folders are not named. */
export function saveResults(bench: string, args: readonly string[], lines: readonly string[]): void {
  const name = [bench, ...args.map((argument) => (existsSync(argument) ? "DIR" : argument))].join(" ");
  const before = existsSync(FILE) ? readFileSync(FILE, "utf8") : "";
  const date = new Date().toISOString().slice(0, 10);
  const section = { name, date, commit: commitName(), machine: machineName(), lines };
  writeFileSync(FILE, withSection(before, section));
  console.log(`saved in ${path.relative(process.cwd(), FILE)}`);
}

/** The commit that is checked out, and whether what ran differs from it. */
function commitName(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--", "../src", "../models", ".", ":!RESULTS.md") !== "";
  return `${git("rev-parse", "--short=10", "HEAD")}${changed ? " with changes" : ""}`;
}
