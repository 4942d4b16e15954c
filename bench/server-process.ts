/**
 * The server of a bench in a process of its own, as `calls-server.ts` starts it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { TranscriptPartial } from "../src/transcript/partial.ts";
import type { CallsServerSettings, FromServer, ServerFigures } from "./calls-server.ts";

export interface ShownPartial {
  partial: TranscriptPartial;
  /** Unix ms. */
  at: number;
}

export interface ServerProcess {
  url: string;
  workers: number;
  threads: number;
  /** What is counted from now on. */
  begin(): void;
  /** What was counted since `begin`. */
  figures(): Promise<ServerFigures>;
  stop(): Promise<void>;
}

/** @param onPartial - Told of the partials of calls. */
export async function startServerProcess(
  options: CallsServerSettings,
  onPartial: (shown: ShownPartial) => void = () => {},
): Promise<ServerProcess> {
  const entry = path.join(import.meta.dirname, "calls-server.ts");
  const child = spawn(process.execPath, ["--import", "tsx", entry, JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  child.on("message", (message: FromServer) => {
    if (message.type === "partial") onPartial(message);
  });
  const { url, workers, threads } = await next(child, "listening");
  return {
    url,
    workers,
    threads,
    begin: () => void child.send("begin"),
    async figures() {
      child.send("end");
      return (await next(child, "figures")).figures;
    },
    async stop() {
      child.send("stop");
      await once(child, "exit");
    },
  };
}

/** The next message of a type from the server. */
function next<T extends FromServer["type"]>(
  child: ChildProcess,
  type: T,
): Promise<Extract<FromServer, { type: T }>> {
  return new Promise((resolve, reject) => {
    const take = (message: FromServer): void => {
      if (message.type !== type) return;
      child.off("message", take);
      child.off("exit", lost);
      resolve(message as Extract<FromServer, { type: T }>);
    };
    const lost = (code: number | null): void => reject(new Error(`the server exited with ${code}`));
    child.on("message", take);
    child.once("exit", lost);
  });
}
