import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const SRC = path.resolve(import.meta.dirname, "../src");
/** Guide size of a file; a longer one is reported, not refused. */
const GUIDE_LINES = 250;

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)['"](\.{1,2}\/[^'"]+)['"]/g;

function sourceFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|js)$/.test(file))
    .map((file) => file.split(path.sep).join("/"));
}

function roomOf(file: string): string {
  return file.includes("/") ? (file.split("/")[0] as string) : "";
}

/** The table of src/README.md: room -> rooms it may import. */
function table(): Map<string, Set<string>> {
  const rows = [
    ...readFileSync(path.join(SRC, "README.md"), "utf8").matchAll(/^\| `(\w+)\/` \|.*\| ([^|]+) \|$/gm),
  ];
  const rooms = rows.map((row) => row[1] as string);
  return new Map(
    rows.map(([, room, allowed]) => {
      const text = (allowed as string).trim();
      if (text === "-") return [room as string, new Set<string>()];
      if (text === "all") return [room as string, new Set(rooms)];
      if (text === "all but cli") return [room as string, new Set(rooms.filter((name) => name !== "cli"))];
      return [room as string, new Set(text.split(", "))];
    }),
  );
}

/** Import edges between rooms that the table does not allow, as `file -> target`. */
export function forbiddenImports(
  files: { name: string; text: string }[],
  allowed: Map<string, Set<string>>,
): string[] {
  const faults: string[] = [];
  for (const { name, text } of files) {
    const room = roomOf(name);
    for (const match of text.matchAll(IMPORT)) {
      const target = path.posix.normalize(path.posix.join(path.posix.dirname(name), match[1] as string));
      const targetRoom = roomOf(target);
      if (targetRoom !== room && !allowed.get(room)?.has(targetRoom)) faults.push(`${name} -> ${target}`);
    }
  }
  return faults;
}

test("every import between rooms is one that the table in src/README.md allows", () => {
  const names = sourceFiles();
  assert.ok(names.length > 5, "found the source files");
  const files = names.map((name) => ({ name, text: readFileSync(path.join(SRC, name), "utf8") }));
  assert.deepEqual(forbiddenImports(files, table()), []);
  for (const { name, text } of files) {
    const lines = text.split("\n").length;
    if (lines > GUIDE_LINES) console.log(`guide size: ${name} has ${lines} lines`);
  }
});

test("every folder under src is a room of the table, and every room has a folder", () => {
  const folders = new Set(sourceFiles().map(roomOf).filter(Boolean));
  assert.deepEqual([...folders].sort(), [...table().keys()].sort());
});

test("an upward import is found in every form that an import can take", () => {
  const allowed = new Map([["base", new Set<string>()]]);
  for (const text of [
    "import { a } from '../call/x.ts'",
    "export * from '../call/x.ts'",
    "import '../call/x.ts'",
    "await import('../call/x.ts')",
    "import type { A } from '../call/x.ts'",
  ]) {
    assert.deepEqual(forbiddenImports([{ name: "base/a.ts", text }], allowed), ["base/a.ts -> call/x.ts"]);
  }
});

test("rooms do not import each other in a circle", () => {
  const rooms = table();
  const visit = (room: string, path: string[]): void => {
    assert.ok(!path.includes(room), `circle: ${[...path, room].join(" -> ")}`);
    for (const next of rooms.get(room) ?? []) if (next !== room) visit(next, [...path, room]);
  };
  for (const room of rooms.keys()) visit(room, []);
});
