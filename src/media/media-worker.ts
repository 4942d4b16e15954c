/**
 * Worker thread that decodes one file and then ends: decoders block, and what they hold of memory goes with them.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { ErrorCode } from "../base/codes.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import { setNiceness } from "../base/niceness.ts";
import { malformed } from "./block.ts";
import { blocksOf } from "./blocks.ts";
import { Funnel } from "./funnel.ts";
import type { MediaKind } from "./kind.ts";
import { type ChannelLayout, DECODING_NICENESS } from "./limits.ts";

export interface MediaWorkerData {
  kind: MediaKind;
  bytes: Uint8Array;
  maximumDurationMs: number;
  layout: ChannelLayout;
}

export type MediaAnswer =
  | { type: "sound"; track: number; s16: Int16Array }
  | { type: "done" }
  | { type: "failed"; code: ErrorCode; message: string };

// Decoders tell of damaged files on the console of the whole program.
console.error = () => {};
console.warn = () => {};

const port = parentPort;
setNiceness(DECODING_NICENESS);
if (port) {
  const { kind, bytes, maximumDurationMs, layout } = workerData as MediaWorkerData;
  const answer = (message: MediaAnswer, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(message, transfer);
  try {
    const emit = (s16: Int16Array, track: number): void =>
      answer({ type: "sound", track, s16 }, [s16.buffer as ArrayBuffer]);
    const funnel = new Funnel(maximumDurationMs, emit, layout);
    for await (const block of blocksOf(kind, bytes)) funnel.push(block);
    funnel.end();
    if (funnel.samples === 0) throw malformed("The file holds no sound");
    answer({ type: "done" });
  } catch (error) {
    // What a decoder throws over a damaged file is the file's fault: there is nothing else that it works with.
    const code = error instanceof LinescribeError ? error.code : "MEDIA_MALFORMED";
    answer({ type: "failed", code, message: messageOf(error) });
  }
}
