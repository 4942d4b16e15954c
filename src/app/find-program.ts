/**
 * Finds an installed program as a shell would.
 */
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";

/** The absolute path of an executable file `name` in a folder of `PATH`, or null. Relative folders are not searched. */
export function findProgram(name: string, environment: NodeJS.ProcessEnv = process.env): string | null {
  for (const folder of (environment.PATH ?? "").split(path.delimiter)) {
    if (!path.isAbsolute(folder)) continue;
    const file = path.join(folder, name);
    if (isExecutable(file)) return file;
  }
  return null;
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
