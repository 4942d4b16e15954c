/**
 * What a client may say beside its audio: text frames of JSON.
 */
import { z } from "zod";
import { LinescribeError } from "../base/error.ts";

/** Of `Configure` nothing is honoured: what it can set, Whisper does anyway. */
export type ClientMessage =
  | { type: "KeepAlive" | "CloseStream" | "Configure" }
  | { type: "Finalize"; channel?: number | undefined };

/** Longer texts are no message of theirs. */
const TEXT_MAXIMUM_CHARACTERS = 4096;

const clientMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("KeepAlive") }),
  z.object({ type: z.literal("CloseStream") }),
  z.object({ type: z.literal("Configure") }),
  z.object({ type: z.literal("Finalize"), channel: z.int().min(0).optional() }),
]);

/**
 * @param channels - Of the results: a channel beyond them is a mistake.
 * @throws {LinescribeError} `SOCKET_BAD_MESSAGE`; it does not repeat what was sent.
 */
export function parseClientMessage(text: string, channels: number): ClientMessage {
  const parsed = text.length <= TEXT_MAXIMUM_CHARACTERS ? clientMessage.safeParse(parseJson(text)) : null;
  const message = parsed?.data;
  if (message && !(message.type === "Finalize" && (message.channel ?? 0) >= channels)) return message;
  throw new LinescribeError(
    "SOCKET_BAD_MESSAGE",
    "Expected audio in binary frames, or a KeepAlive, Finalize, CloseStream or Configure as JSON",
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
