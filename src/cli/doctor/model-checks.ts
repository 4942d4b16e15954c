/**
 * Whether the models are the published ones, and whether they know the languages of the configured numbers.
 */
import { existsSync } from "node:fs";
import type { Config } from "../../app/config.ts";
import { recogniserFiles } from "../../app/model-files.ts";
import { whisperLanguage } from "../../asr/language.ts";
import { readWhisperMetadata } from "../../asr/metadata.ts";
import { LinescribeError, messageOf } from "../../base/error.ts";
import { ambiguousNames, checkFolders, readModels } from "../../models/folders.ts";
import { modelsDirectory } from "../../models/manifest.ts";
import type { Check } from "../doctor.ts";

const FIX = "install the package again, or put the published file in its place";
const PULL_FIX = "pull it again (linescribe models pull), or take it out of the manifest.json there";

/** @param own - The user's own folder of models, or null when its setting is faulty. */
export async function modelChecks(config: Config | null, own: string | null): Promise<Check[]> {
  try {
    const checks = (await checkFolders(own)).map(({ entry, fault }): Check => {
      const fix = entry.folder === modelsDirectory() ? FIX : PULL_FIX;
      if (fault) return { name: "model", verdict: "fail", found: `${fault.code}: ${fault.message}`, fix };
      return { name: "model", verdict: "ok", found: `${entry.name} is the published file` };
    });
    return [...checks, ...ambiguityChecks(own), ...(await recogniserChecks(config))];
  } catch (error) {
    if (!(error instanceof LinescribeError)) throw error;
    return [{ name: "model", verdict: "fail", found: `${error.code}: ${messageOf(error)}`, fix: FIX }];
  }
}

/** A model that is not asked for may have a namesake; `asr.model` may not, and then the engine says so itself. */
function ambiguityChecks(own: string | null): Check[] {
  return ambiguousNames(readModels(own)).map((name) => ({
    name: "model",
    verdict: "warn",
    found: `two folders have different files called ${name}`,
    fix: `rename it in ${own}/manifest.json, or take it out there`,
  }));
}

async function recogniserChecks(config: Config | null): Promise<Check[]> {
  if (config === null) return [];
  const { modelPath, tokenizerPath } = recogniserFiles(config.asr.model, config.models);
  if (!existsSync(tokenizerPath)) {
    return [
      { name: "model", verdict: "fail", found: `MODEL_MISSING: ${tokenizerPath} is not there`, fix: FIX },
    ];
  }
  if (!existsSync(modelPath)) return [];
  const metadata = await readWhisperMetadata(modelPath);
  return [...config.lines.values()]
    .filter(({ language }) => whisperLanguage(metadata, language) === null)
    .map(({ number, language }) => ({
      name: "language",
      verdict: "fail",
      found: `numbers ${number}: the model does not know "${language}"`,
      fix: 'use a language of the model, or "auto"',
    }));
}
