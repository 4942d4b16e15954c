/**
 * `linescribe replay`: plays a recorded call or a WAV file against a server, once or many times at once.
 */
import { randomBytes } from "node:crypto";
import pc from "picocolors";
import { readSettings } from "../app/config.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Speed } from "./replay/call-clock.ts";
import type { RecordedCall } from "./replay/recorded-call.ts";
import { replayCall } from "./replay/replay.ts";
import type { ReplayReport } from "./replay/report.ts";
import { loadRecordedCall } from "./replay/sound-call.ts";
import { print, printJson } from "./terminal.ts";

export interface ReplayCommandOptions {
  url: string;
  speed: Speed;
  calls: number;
  authToken?: string;
  publicUrl?: string;
  from?: string;
  to?: string;
  json?: boolean;
  config?: string;
}

/** Exit code 1 when a call had an error, in which case all others are played to their end nevertheless. */
export async function replay(file: string, options: ReplayCommandOptions): Promise<void> {
  const call = await load(file);
  const { authToken, publicUrl } = identity(options);
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  const { url: voiceUrl, speed, from, to } = options;
  const reports = await Promise.all(
    Array.from({ length: options.calls }, () =>
      replayCall({
        voiceUrl,
        speed,
        authToken,
        call,
        signal: abort.signal,
        ...(publicUrl && { publicUrl }),
        ...(from && { from }),
        ...(to && { to }),
      }),
    ),
  );
  for (const report of reports) {
    if (options.json) printJson(report);
    else print(describe(report));
  }
  if (reports.some(({ errors, aborted }) => errors.length > 0 || aborted)) process.exitCode = 1;
}

async function load(file: string): Promise<RecordedCall> {
  try {
    return await loadRecordedCall(file);
  } catch (error) {
    if (error instanceof LinescribeError) throw error;
    throw new LinescribeError("REPLAY_REFUSED", `Cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** Token and public URL as given, or as a server with this configuration has them. */
function identity({ authToken, publicUrl, config }: ReplayCommandOptions) {
  const { settings } = readSettings({ file: config });
  const tokens = (settings.twilio as { authTokens?: unknown } | undefined)?.authTokens;
  const token =
    authToken ?? (Array.isArray(tokens) ? tokens.find((one) => typeof one === "string") : undefined);
  if (!token) console.error("no auth token: only a server that runs with --insecure will take this call");
  return {
    authToken: token || randomBytes(16).toString("hex"),
    publicUrl: publicUrl ?? (typeof settings.publicUrl === "string" ? settings.publicUrl : undefined),
  };
}

function describe({ callSid, mode, verbs, streams, packets, errors, aborted }: ReplayReport): string {
  const verdict = errors.length > 0 ? pc.red("failed") : aborted ? pc.yellow("aborted") : pc.green("played");
  const ends = streams.map(({ tracks, end }) => `${tracks.join("+")} ended by ${end?.by ?? "nobody"}`);
  return [
    `${verdict}  ${callSid}  ${mode ?? "no stream"}  ${verbs.join(" > ")}  ${packets} packets  ${ends.join(", ")}`,
    ...errors.map(({ code, message }) => `  ${pc.red(String(code))} ${message}`),
  ].join("\n");
}
