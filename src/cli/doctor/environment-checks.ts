/**
 * What the machine has to offer: Node, a place for the store, a free port.
 */
import { existsSync, mkdtempSync, readFileSync, rmdirSync, statSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { type Config, loadSection, readSettings } from "../../app/config.ts";
import { LinescribeError, messageOf } from "../../base/error.ts";
import { openStore } from "../../store/store.ts";
import type { Check } from "../doctor.ts";

const HEALTH_TIMEOUT_MS = 2000;

/** @param config - Null when it is faulty; then port and store are those that can still be read. */
export async function environmentChecks(file: string | undefined, config: Config | null): Promise<Check[]> {
  return [nodeCheck(), storeCheck(file), await portCheck(file, config)];
}

function nodeCheck(): Check {
  const { engines } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
    engines: { node: string };
  };
  const wanted = engines.node.replace(/^>=/, "");
  const found = `Node ${process.versions.node}`;
  return isAtLeast(process.versions.node, wanted)
    ? { name: "node", verdict: "ok", found }
    : { name: "node", verdict: "fail", found, fix: `install Node ${wanted} or newer` };
}

/** Compares dotted versions by their numbers; parts that are left out are 0. */
export function isAtLeast(version: string, wanted: string): boolean {
  const numbers = version.split(".").map(Number);
  for (const [index, part] of wanted.split(".").map(Number).entries()) {
    const own = numbers[index] ?? 0;
    if (own !== part) return own > part;
  }
  return true;
}

function storeCheck(config: string | undefined): Check {
  const name = "store";
  try {
    const file = path.resolve(loadSection("store", { file: config }).path);
    return existsSync(file) ? openCheck(file) : newStoreCheck(file);
  } catch (error) {
    const fix = "correct store.path, or make the file readable and writable for this user";
    return { name, verdict: "fail", found: describe(error), fix };
  }
}

function openCheck(file: string): Check {
  const name = "store";
  const mode = statSync(file).mode & 0o777;
  const store = openStore({ path: file });
  try {
    store.probe();
    const { pending, dead, disabledEndpoints } = store.countOutbox();
    const found = `${file} is writable; ${pending} events pending, ${dead} dead`;
    if (mode & 0o077) {
      return {
        name,
        verdict: "warn",
        found: `${file} was open to other users (mode ${mode.toString(8)})`,
        fix: "none needed: its mode is 600 now",
      };
    }
    if (dead + disabledEndpoints === 0) return { name, verdict: "ok", found };
    return { name, verdict: "warn", found, fix: "linescribe outbox list, then outbox retry or drop" };
  } finally {
    store.close();
  }
}

/** Does not create the store: that is for the server, which may run as another user. */
function newStoreCheck(file: string): Check {
  let folder = path.dirname(file);
  while (!existsSync(folder)) folder = path.dirname(folder);
  try {
    // Permissions alone do not tell: the superuser has all of them, a read-only disk has them too.
    rmdirSync(mkdtempSync(path.join(folder, ".linescribe-doctor-")));
    return { name: "store", verdict: "ok", found: `${file} will be created` };
  } catch (error) {
    const found = `${file} cannot be created: ${messageOf(error)}`;
    return { name: "store", verdict: "fail", found, fix: "correct store.path, or let this user write there" };
  }
}

async function portCheck(file: string | undefined, config: Config | null): Promise<Check> {
  const { settings } = readSettings({ file });
  const host = config?.host ?? (typeof settings.host === "string" ? settings.host : "0.0.0.0");
  const port = config?.port ?? (typeof settings.port === "number" ? settings.port : 8080);
  const name = "port";
  const fault = await listenFault(host, port);
  if (fault === null) return { name, verdict: "ok", found: `${host}:${port} is free` };
  if (await isLinescribe(host, port)) {
    return {
      name,
      verdict: "warn",
      found: `a Linescribe is running on ${host}:${port}`,
      fix: "stop it before you start another",
    };
  }
  return {
    name,
    verdict: "fail",
    found: `${host}:${port}: ${fault}`,
    fix: "set port or host to one that is free, or stop what has it",
  };
}

function listenFault(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error) => resolve(messageOf(error)));
    try {
      server.listen(port, host, () => server.close(() => resolve(null)));
    } catch (error) {
      resolve(messageOf(error));
    }
  });
}

async function isLinescribe(host: string, port: number): Promise<boolean> {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  try {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
    const response = await fetch(`http://${name.includes(":") ? `[${name}]` : name}:${port}/healthz`, {
      signal,
    });
    return "outboxPending" in ((await response.json()) as object);
  } catch {
    return false;
  }
}

function describe(error: unknown): string {
  return error instanceof LinescribeError ? `${error.code}: ${error.message}` : messageOf(error);
}
