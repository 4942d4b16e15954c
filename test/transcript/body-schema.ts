/**
 * The schema of `src/transcript/event.ts` as a program checks it: strict, so that a field that comes, goes or changes its
 * meaning without a new version fails a test.
 */
import { z } from "zod";
import type { CallEvent } from "../../src/transcript/event.ts";

const track = z.enum(["inbound", "outbound"]);
const ms = z.int().min(0);
const number = z.int().min(1);

/** Fields of every event. */
const common = {
  version: z.literal(1),
  id: z.string().regex(/^msg_[\w-]+$/),
  callSid: z.string().min(1),
  sequence: number,
};

const data = {
  "call.started": z.strictObject({
    ...common,
    from: z.string(),
    to: z.string(),
    mode: z.enum(["start", "connect"]),
    tracks: z.array(z.strictObject({ track, label: z.string() })).min(1),
    language: z.string(),
    announcement: z.string().nullable(),
    parameters: z.record(z.string(), z.string()),
  }),
  "transcript.final": z.strictObject({
    ...common,
    track,
    label: z.string(),
    utterance: number,
    startMs: ms,
    endMs: ms,
    text: z.string().min(1),
    language: z.string().regex(/^[a-z]{2,3}$/),
    confidence: z.number().min(0).max(1),
    words: z.array(
      z.strictObject({
        word: z.string().min(1),
        startMs: ms,
        endMs: ms,
        confidence: z.number().min(0).max(1),
      }),
    ),
  }),
  "transcript.gap": z.strictObject({
    ...common,
    track,
    label: z.string(),
    gap: number,
    startMs: ms,
    endMs: ms,
    cause: z.enum(["not_received", "not_recognised", "overload", "crash"]),
  }),
  "call.dtmf": z.strictObject({
    ...common,
    track,
    press: number,
    digit: z.string().regex(/^[0-9A-D*#]$/),
    atMs: ms,
  }),
  "call.ended": z.strictObject({
    ...common,
    reason: z.enum([
      "stream_stopped",
      "stream_closed",
      "stream_status",
      "call_status",
      "never_streamed",
      "shutdown",
      "crash",
    ]),
    durationMs: ms,
    finals: ms,
    gaps: ms,
  }),
} as const;

type Name = keyof typeof data;
const bodyOf = <T extends Name>(type: T) =>
  z.strictObject({ type: z.literal(type), timestamp: z.iso.datetime(), data: data[type] });

export const webhookBodySchema = z.discriminatedUnion("type", [
  bodyOf("call.started"),
  bodyOf("transcript.final"),
  bodyOf("transcript.gap"),
  bodyOf("call.dtmf"),
  bodyOf("call.ended"),
]);

type BodyOf<Event> = Event extends CallEvent
  ? { type: Event["type"]; timestamp: string; data: Omit<Event, "type" | "timestamp"> }
  : never;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** Does not compile when this schema and the types of `event.ts` differ. */
export const schemaIsOfTheTypes: Same<z.infer<typeof webhookBodySchema>, BodyOf<CallEvent>> = true;
