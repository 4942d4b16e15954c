/**
 * `linescribe models list|verify`.
 */
import pc from "picocolors";
import { loadSection } from "../app/config.ts";
import { checkFolders, pathOf, readModels } from "../models/folders.ts";
import { print, printJson, table } from "./terminal.ts";

interface ModelsOptions {
  json?: boolean;
  config?: string;
}

export function listModels({ json = false, config: file }: ModelsOptions): void {
  const { models } = readModels(loadSection("models", { file }));
  if (json) {
    for (const { folder, ...entry } of models) printJson({ ...entry, path: pathOf({ ...entry, folder }) });
    return;
  }
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  print(
    table([
      ["NAME", "PURPOSE", "SIZE", "LICENCE", "FILE"],
      ...models.map((model) => [
        model.name,
        model.purpose,
        megabytes(model.bytes),
        model.licence,
        pathOf(model),
      ]),
    ]),
  );
}

/** Exit code 1 when a file is missing or altered; all of them are told. */
export async function verifyModels({ json = false, config: file }: ModelsOptions): Promise<void> {
  for (const { entry, fault } of await checkFolders(loadSection("models", { file }))) {
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
