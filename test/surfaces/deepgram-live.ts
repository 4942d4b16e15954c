/**
 * The unmodified clients of Deepgram, current and previous major, on a live socket: one way to drive either.
 */
import { DeepgramClient } from "@deepgram/sdk";
import { createClient } from "deepgram-sdk-4";
import type { Metadata, Results, ServerMessage } from "../../src/deepgram/server-message.ts";

export type Major = "4" | "5";

export interface LiveTarget {
  /** `http://127.0.0.1:8080`. */
  url: string;
  key: string;
}

type MessageOf<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** What one connection was told. */
export class Heard {
  readonly messages: ServerMessage[] = [];
  opens = 0;
  errors: string[] = [];
  closes: number[] = [];
  #changed: () => void = () => {};

  add(change: () => void): void {
    change();
    this.#changed();
  }

  of<T extends ServerMessage["type"]>(type: T): MessageOf<T>[] {
    return this.messages.filter((message): message is MessageOf<T> => message.type === type);
  }

  get finals(): Results[] {
    return this.of("Results").filter(({ is_final }) => is_final);
  }

  get metadata(): Metadata | undefined {
    return this.of("Metadata")[0];
  }

  /** What the finals of a channel say, joined as clients do. */
  text(channel = 0): string {
    return this.finals
      .filter(({ channel_index }) => channel_index[0] === channel)
      .map((result) => result.channel.alternatives[0].transcript)
      .filter((transcript) => transcript !== "")
      .join(" ");
  }

  async until(found: () => boolean): Promise<void> {
    while (!found()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

export interface Live {
  heard: Heard;
  sendMedia(bytes: Uint8Array): void;
  keepAlive(): void;
  finalize(): void;
  closeStream(): void;
  /** Gives the connection up. */
  leave(): void;
}

export function connectLive(
  major: Major,
  target: LiveTarget,
  options: Record<string, unknown>,
): Promise<Live> {
  return major === "5" ? connectFive(target, options) : connectFour(target, options);
}

async function connectFive({ url, key }: LiveTarget, options: Record<string, unknown>): Promise<Live> {
  const heard = new Heard();
  const client = new DeepgramClient({ apiKey: key, baseUrl: url });
  const asked = { model: "nova-3", ...options } as unknown;
  const live = await client.listen.v1.connect(asked as Parameters<typeof client.listen.v1.connect>[0]);
  live.on("open", () => heard.add(() => (heard.opens += 1)));
  live.on("message", (message) => heard.add(() => heard.messages.push(message as ServerMessage)));
  live.on("error", ({ message }) => heard.add(() => heard.errors.push(message)));
  live.on("close", ({ code }) => heard.add(() => heard.closes.push(code)));
  live.connect();
  await heard.until(() => heard.opens > 0 || heard.closes.length > 0);
  return {
    heard,
    sendMedia: (bytes) => live.sendMedia(bytes),
    keepAlive: () => live.sendKeepAlive({ type: "KeepAlive" }),
    finalize: () => live.sendFinalize({ type: "Finalize" }),
    closeStream: () => live.sendCloseStream({ type: "CloseStream" }),
    leave: () => live.close(),
  };
}

async function connectFour({ url, key }: LiveTarget, options: Record<string, unknown>): Promise<Live> {
  const heard = new Heard();
  const live = createClient(key, { global: { url } }).listen.live({ model: "nova-2", ...options });
  const told = (message: unknown): void => heard.add(() => heard.messages.push(message as ServerMessage));
  for (const event of ["Results", "Metadata", "UtteranceEnd", "SpeechStarted", "Unhandled"])
    live.on(event, told);
  live.on("open", () => heard.add(() => (heard.opens += 1)));
  live.on("error", ({ message, statusCode }) =>
    heard.add(() => heard.errors.push(`${statusCode} ${message}`)),
  );
  live.on("close", ({ code }) => heard.add(() => heard.closes.push(code)));
  await heard.until(() => heard.opens > 0 || heard.closes.length > 0);
  return {
    heard,
    sendMedia: (bytes) => live.send(new Uint8Array(bytes).buffer),
    keepAlive: () => live.keepAlive(),
    finalize: () => live.finalize(),
    closeStream: () => live.requestClose(),
    leave: () => live.disconnect(),
  };
}
