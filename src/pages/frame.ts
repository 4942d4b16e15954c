/**
 * The frame around every page: head, navigation, and the page's own part from a file.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { browserDirectory } from "./assets.ts";

/** Pages of the navigation, in its order. */
const NAVIGATION = [
  { path: "/", title: "Calls" },
  { path: "/listen", title: "Listen" },
  { path: "/api", title: "API" },
] as const;

export interface PageParts {
  /** Of the window; the program's name is added. */
  title: string;
  /** Where the page is, for the navigation; null for a page that is not in it. */
  path: string | null;
  /** HTML of ours, see `partOf`. */
  main: string;
  /** Names of files: modules, and styles beside the common one. */
  scripts?: readonly string[];
  styles?: readonly string[];
  /** Whether the reader came by a login, and so can log out. */
  loggedIn: boolean;
  /** Whether the navigation is shown; not to who may not go there. Default true. */
  navigation?: boolean;
  /** Nothing but the page's own part. Default false. */
  bare?: boolean;
}

/** The whole document. */
export function documentOf({
  title,
  path: at,
  main,
  scripts = [],
  styles = [],
  loggedIn,
  navigation = true,
  bare = false,
}: PageParts): string {
  const links = (navigation ? NAVIGATION : []).map(
    (page) =>
      `<li><a href="${page.path}"${page.path === at ? ' aria-current="page"' : ""}>${page.title}</a></li>`,
  );
  const logOut = `<form method="post" action="/logout"><button class="button quiet small">Log out</button></form>`;
  const framed = `<a class="skip" href="#main">Skip to the page</a>
<header class="bar">
<a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="24" height="24"> <span>Linescribe</span></a>
<nav aria-label="Pages"><ul>${links.join("")}</ul></nav>
${loggedIn ? logOut : ""}
</header>
<main id="main" tabindex="-1">
${main}</main>
`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#ffffff" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#191c23" media="(prefers-color-scheme: dark)">
<title>${escapeHtml(title)} · Linescribe</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
${["style.css", ...styles].map((name) => `<link rel="stylesheet" href="/assets/${name}">`).join("\n")}
${scripts.map((name) => `<script type="module" src="/assets/${name}"></script>`).join("\n")}
</head>
<body>
${bare ? main : framed}</body>
</html>
`;
}

/** A page's own part: a file in which `{{name}}` stands for a text, which is never read as HTML. Blocks. */
export function partOf(file: string): (values?: Readonly<Record<string, string>>) => string {
  const text = readFileSync(path.join(browserDirectory(), file), "utf8");
  return (values = {}) =>
    text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new TypeError(`Expected a text for ${name} in ${file}`);
      return escapeHtml(value);
    });
}

/** Text for element content and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
