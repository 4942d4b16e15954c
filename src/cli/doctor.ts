/**
 * `linescribe doctor`: says what is well, what is not, and how to fix it.
 */
import pc from "picocolors";
import { checkConfig, loadSection } from "../app/config.ts";
import { LinescribeError } from "../base/error.ts";
import { cardChecks } from "./doctor/card-checks.ts";
import { environmentChecks } from "./doctor/environment-checks.ts";
import { modelChecks } from "./doctor/model-checks.ts";
import { settingChecks } from "./doctor/setting-checks.ts";
import { print, printJson } from "./terminal.ts";

export interface Check {
  name: string;
  /** `fail`: the server would not start, or no call would be transcribed. `warn`: it works, but look at it. */
  verdict: "ok" | "warn" | "fail";
  /** What was found. */
  found: string;
  /** What to do about it; nothing when all is well. */
  fix?: string;
}

/** Runs every check, whatever the others say. Exit code 1 when one fails. */
export async function doctor({ config: file, json }: { config?: string; json?: boolean }): Promise<void> {
  const { config, faults } = checkConfig({ file });
  const own = ownModels(file);
  const checks = [
    ...(await environmentChecks(file, config)),
    ...(await modelChecks(config, own)),
    ...(await cardChecks(config?.asr ?? null, own)),
    ...faults.map((fault): Check => {
      const fix = "correct the configuration file or the LINESCRIBE_ variable";
      return { name: "configuration", verdict: "fail", found: fault, fix };
    }),
    ...(config ? settingChecks(config) : []),
  ];
  const healthy = checks.every(({ verdict }) => verdict !== "fail");
  if (json) printJson({ healthy, checks });
  else for (const check of checks) print(describe(check));
  if (!healthy) process.exitCode = 1;
}

/** Also of a configuration that is faulty elsewhere; its own fault is told with the others. */
function ownModels(file: string | undefined): string | null {
  try {
    return loadSection("models", { file });
  } catch (error) {
    if (error instanceof LinescribeError) return null;
    throw error;
  }
}

const MARKS = { ok: pc.green("ok  "), warn: pc.yellow("warn"), fail: pc.red("fail") };

function describe({ name, verdict, found, fix }: Check): string {
  const line = `${MARKS[verdict]}  ${name.padEnd(13)}  ${found}`;
  return fix && verdict !== "ok" ? `${line}\n      ${" ".repeat(13)}  ${pc.dim(`fix: ${fix}`)}` : line;
}
