/**
 * Debian packages with recordings that the benches use: as installed, or fetched into `.cache/` without root.
 *
 * Fetched and unpacked packages also serve where installed ones do not: slim images leave out `/usr/share/doc`, where
 * the texts of the prompts are.
 */
import { type ExecFileSyncOptions, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { VOICES } from "../../fixtures/build/packages.ts";

const CACHE = path.resolve(import.meta.dirname, "../../.cache/recordings");
const LANGUAGES = Object.keys(VOICES);
const NAMES = [
  ...LANGUAGES.flatMap((language) => [
    `asterisk-core-sounds-${language}`,
    `asterisk-core-sounds-${language}-wav`,
  ]),
  "asterisk-moh-opsound-wav",
];
const FETCH_TIMEOUT_MS = 300_000;

/** Where the text of a language's prompts lies under the root. */
export function textFile(language: string): string {
  return `usr/share/doc/asterisk-core-sounds-${language}/core-sounds-${language}.txt.gz`;
}

/**
 * The folder under which `usr/share/asterisk` and the texts lie, or null after saying why there is none: then the parts
 * that need it are left out.
 */
export function recordingsRoot(): string | null {
  const found = ["/", CACHE].find(isComplete);
  if (found !== undefined) return found;
  try {
    fetchPackages();
    if (isComplete(CACHE)) return CACHE;
    console.log(`left out: ${NAMES.join(", ")} do not hold what they are known for`);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n").slice(0, 2).join(" ") : String(error);
    console.log(
      `left out, for Debian's packages with recordings are neither installed nor to be had: ${reason}`,
    );
  }
  return null;
}

function isComplete(root: string): boolean {
  return (
    existsSync(path.join(root, "usr/share/asterisk/moh")) &&
    LANGUAGES.every((language) => existsSync(path.join(root, textFile(language)))) &&
    Object.values(VOICES).every(({ folder }) =>
      existsSync(path.join(root, "usr/share/asterisk/sounds", folder)),
    )
  );
}

/** @throws {Error} when there is no apt, it has no lists, or the network is down. */
function fetchPackages(): void {
  console.log(`fetching ${NAMES.length} packages of recordings into ${path.relative(process.cwd(), CACHE)}`);
  const folder = path.join(CACHE, "packages");
  mkdirSync(folder, { recursive: true });
  const options: ExecFileSyncOptions = {
    cwd: folder,
    timeout: FETCH_TIMEOUT_MS,
    stdio: ["ignore", "ignore", "pipe"],
  };
  execFileSync("apt-get", ["download", "-qq", ...NAMES], options);
  for (const file of readdirSync(folder)) execFileSync("dpkg", ["-x", file, CACHE], options);
  rmSync(folder, { recursive: true });
}
