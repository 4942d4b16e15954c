/**
 * `linescribe models list|verify`.
 */
import path from "node:path";
import pc from "picocolors";
import { checkModels, modelsDirectory, readManifest } from "../models/manifest.ts";
import { print, printJson, table } from "./terminal.ts";

export function listModels({ json = false }: { json?: boolean }): void {
  const { models } = readManifest();
  if (json) {
    for (const model of models) printJson({ ...model, path: path.join(modelsDirectory(), model.file) });
    return;
  }
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  print(
    table([
      ["NAME", "PURPOSE", "SIZE", "LICENCE", "FILE"],
      ...models.map(({ name, purpose, bytes, licence, file }) => [
        name,
        purpose,
        megabytes(bytes),
        licence,
        path.join(modelsDirectory(), file),
      ]),
    ]),
  );
}

/** Exit code 1 when a file is missing or altered; all of them are told. */
export async function verifyModels({ json = false }: { json?: boolean }): Promise<void> {
  for (const { entry, fault } of await checkModels()) {
    if (fault) process.exitCode = 1;
    if (json)
      printJson({
        name: entry.name,
        intact: fault === null,
        code: fault?.code ?? null,
        message: fault?.message ?? null,
      });
    else if (fault) console.error(`${fault.code}: ${fault.message}`);
    else print(`${pc.green("ok")}    ${entry.name}  ${entry.sha256}`);
  }
}
