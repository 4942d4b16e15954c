/**
 * The schema of events as the API gives them: those of `transcript/event.ts`, field by field.
 */
import * as z from "zod";
import type { CallEvent } from "../transcript/event.ts";

export const trackSchema = z.enum(["inbound", "outbound"]);
export const trackLabelSchema = z.strictObject({ track: trackSchema, label: z.string() });
const ms = z.number().min(0).describe("Milliseconds of media time");
const committed = {
  version: z.literal(1),
  id: z.string().describe("Message id; the same for the same event, whatever happens"),
  callSid: z.string(),
  sequence: z.int().min(1).describe("Position in the call, from 1, without holes"),
  timestamp: z.iso.datetime(),
};
export const wordSchema = z.strictObject({
  word: z.string(),
  startMs: ms,
  endMs: ms,
  confidence: z.number().min(0).max(1),
});
export const finalFields = {
  track: trackSchema,
  label: z.string(),
  startMs: ms,
  endMs: ms,
  text: z.string(),
  language: z.string(),
  confidence: z.number().min(0).max(1),
  words: z.array(wordSchema),
};
export const gapCauseSchema = z.enum(["not_received", "not_recognised", "overload", "crash"]);
export const endReasonSchema = z.enum([
  "stream_stopped",
  "stream_closed",
  "stream_status",
  "call_status",
  "never_streamed",
  "shutdown",
  "crash",
]);
export const modeSchema = z.enum(["start", "connect"]);

export const eventSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("call.started"),
    ...committed,
    from: z.string(),
    to: z.string(),
    mode: modeSchema,
    tracks: z.array(trackLabelSchema),
    language: z.string(),
    announcement: z.string().nullable(),
    parameters: z.record(z.string(), z.string()),
  }),
  z.strictObject({
    type: z.literal("transcript.final"),
    ...committed,
    ...finalFields,
    utterance: z.int().min(1),
  }),
  z.strictObject({
    type: z.literal("transcript.gap"),
    ...committed,
    track: trackSchema,
    label: z.string(),
    gap: z.int().min(1),
    startMs: ms,
    endMs: ms,
    cause: gapCauseSchema,
  }),
  z.strictObject({
    type: z.literal("call.dtmf"),
    ...committed,
    track: trackSchema,
    press: z.int().min(1),
    digit: z.string(),
    atMs: ms,
  }),
  z.strictObject({
    type: z.literal("call.ended"),
    ...committed,
    reason: endReasonSchema,
    durationMs: ms,
    finals: z.int().min(0),
    gaps: z.int().min(0),
  }),
]) satisfies z.ZodType<CallEvent>;
