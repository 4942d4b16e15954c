/**
 * What is spoken can never become markup, and no page loads anything from elsewhere.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const FOLDER = path.resolve(import.meta.dirname, "../../src/browser");
const names = readdirSync(FOLDER);
const textOf = (name: string): string => readFileSync(path.join(FOLDER, name), "utf8");

/** Ways from a text to markup or to code. */
const FORBIDDEN =
  /\b(innerHTML|outerHTML|insertAdjacentHTML|srcdoc|setHTMLUnsafe|createContextualFragment|DOMParser|document\.write(ln)?|eval)\b|new Function\b|setAttribute\(["'`](on|style)|javascript:/;

/** Scripts, styles and handlers inside of markup, which the policy would stop. */
const INLINE = /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:/i;
/** Addresses elsewhere; a namespace is none. */
const ELSEWHERE = /https?:\/\/(?!www\.w3\.org\/2000\/svg|localhost)|\/\/cdn\./;

test("no script makes markup or code of a text", () => {
  const scripts = names.filter((name) => name.endsWith(".js"));
  assert.ok(scripts.length > 10);
  for (const name of scripts) assert.doesNotMatch(textOf(name), FORBIDDEN, name);
  for (const found of [
    "a.innerHTML = b",
    "new Function(a)",
    "document.write(a)",
    'a.setAttribute("onclick", b)',
  ])
    assert.match(found, FORBIDDEN);
});

test("no page has a script, style or handler in it, and nothing comes from elsewhere", () => {
  const pages = names.filter((name) => name.endsWith(".html"));
  assert.ok(pages.length >= 3);
  for (const name of pages) assert.doesNotMatch(textOf(name), INLINE, name);
  for (const name of names.filter((file) => /\.(html|js|css|svg)$/.test(file)))
    assert.doesNotMatch(textOf(name), ELSEWHERE, name);
});

/** A script and everything that it imports. */
function withImports(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, imported] of textOf(name).matchAll(/^(?:import|export)\b[^;]*?"\.\/([\w-]+\.js)"/gms))
    withImports(imported as string, found);
  return found;
}

test("a page's scripts are below 100 KB together, also before they are compressed", () => {
  for (const page of ["calls.js", "call.js", "overlay.js", "listen.js", "api.js"]) {
    const scripts = [...withImports(page)];
    assert.ok(scripts.length > 4, scripts.join());
    const bytes = scripts.map((name) => textOf(name)).join("");
    assert.ok(bytes.length < 100_000, `${page}: ${bytes.length}`);
    console.log(`${page}: ${bytes.length} bytes, ${gzipSync(bytes).length} compressed`);
  }
});
