/**
 * Whether the models are the published ones, and whether they know the languages of the configured numbers.
 */
import { existsSync } from "node:fs";
import type { Config } from "../../app/config.ts";
import { recogniserFiles } from "../../app/model-files.ts";
import { whisperLanguage } from "../../asr/language.ts";
import { readWhisperMetadata } from "../../asr/metadata.ts";
import { LinescribeError, messageOf } from "../../base/error.ts";
import { checkModels } from "../../models/manifest.ts";
import type { Check } from "../doctor.ts";

const FIX = "install the package again, or put the published file in its place";

export async function modelChecks(config: Config | null): Promise<Check[]> {
  try {
    const checks = (await checkModels()).map(({ entry, fault }): Check => {
      if (fault)
        return { name: "model", verdict: "fail", found: `${fault.code}: ${fault.message}`, fix: FIX };
      return { name: "model", verdict: "ok", found: `${entry.name} is the published file` };
    });
    return [...checks, ...(await recogniserChecks(config))];
  } catch (error) {
    if (!(error instanceof LinescribeError)) throw error;
    return [{ name: "model", verdict: "fail", found: `${error.code}: ${messageOf(error)}`, fix: FIX }];
  }
}

async function recogniserChecks(config: Config | null): Promise<Check[]> {
  if (config === null) return [];
  const { modelPath, tokenizerPath } = recogniserFiles(config.asr.model);
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
