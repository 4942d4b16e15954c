/**
 * `linescribe models pull`: fetches a model from a hub, and says what to do with it.
 */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pc from "picocolors";
import { loadHubSettings } from "../../app/hub.ts";
import { readWhisperMetadata, type WhisperMetadata } from "../../asr/metadata.ts";
import { LinescribeError } from "../../base/error.ts";
import { HubClient, maySendToken } from "../../hub/client.ts";
import type { HubName } from "../../hub/name.ts";
import { type Pulled, pull } from "../../hub/pull.ts";
import { print, printJson } from "../terminal.ts";
import { exportSteps } from "./export-steps.ts";
import { createReport } from "./progress.ts";
import { settingFor } from "./setting.ts";

export interface PullModelOptions {
  from?: string;
  revision: string;
  into?: string;
  json?: boolean;
  config?: string;
}

/** @throws {LinescribeError} whatever keeps the model from being pulled; what came stays for the next run. */
export async function pullModel(name: HubName, options: PullModelOptions): Promise<void> {
  const { json = false, revision, config: file, from, into } = options;
  const { hub, token, folder } = loadHubSettings({ file, from, into });
  if (token !== null && !maySendToken(hub))
    console.error(`HF_TOKEN is not sent to ${hub.host}: without https everybody on the way could read it`);
  const client = new HubClient({ hub, token });
  const stop = new AbortController();
  const onSignal = () => stop.abort(interrupted());
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal);
  const report = createReport({ json });
  try {
    const pulled = await pull({ client, name, revision, folder, report, signal: stop.signal, sleep });
    report.stop();
    await show(pulled, folder, json);
  } finally {
    report.stop();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
  }
}

function interrupted(): LinescribeError {
  return new LinescribeError("HUB_BROKE_OFF", "Interrupted; the next run goes on from here", {
    retryable: true,
  });
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {
    throw signal.reason;
  });
}

/** What the graph says that it is for; one that says nothing is refused when it is loaded, not here. */
async function deviceOf({ folder, files }: Pulled): Promise<WhisperMetadata["device"]> {
  const graph = files.find(({ name }) => name.endsWith(".onnx"))?.name ?? "";
  const metadata = await readWhisperMetadata(path.join(folder, graph)).catch(() => null);
  return metadata?.device ?? "cpu";
}

async function show(pulled: Pulled, models: string, json: boolean): Promise<void> {
  const { kind, name, commit, folder, files } = pulled;
  const next = kind === "weights" ? exportSteps(pulled, models) : null;
  if (json) {
    const pieces = files.map(({ name: file, bytes, digest }) => ({ file, bytes, [digest.kind]: digest.hex }));
    printJson({ kind, name, commit, folder, files: pieces, next });
    return;
  }
  if (next === null) {
    print(`${pc.green("ok")}    ${name} is in ${folder}; ${settingFor(await deviceOf(pulled), name)}`);
    return;
  }
  print(`${pc.green("ok")}    the weights of ${name} are in ${folder}`);
  print("\nA model for the processor is made of them by");
  for (const step of next.processor) print(`  ${step}`);
  print("\nand one for a CUDA card by");
  for (const step of next.card) print(`  ${step}`);
  print(
    "\nin a clone of the repository, with the exporter's Python environment (models/README.md, Rebuilding it). " +
      "whisper-base for the processor takes two to three minutes on two cores, larger models take longer.",
  );
}
