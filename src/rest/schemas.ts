/**
 * What requests may ask for and what answers hold: the one source of checks and of the OpenAPI document.
 */
import * as z from "zod";
import { DELIVERIES_MAXIMUM } from "../store/call-deliveries.ts";
import { PAGE_ROWS, PAGE_ROWS_MAXIMUM } from "../store/catalogue.ts";
import { cursorSchema } from "./cursor.ts";
import {
  endReasonSchema,
  eventSchema,
  finalFields,
  gapCauseSchema,
  modeSchema,
  trackLabelSchema,
  trackSchema,
} from "./event-schema.ts";
import { wholeNumber } from "./query.ts";

const QUERY_CHARACTERS = 200;
const SEQUENCE_MAXIMUM = 2 ** 31;
/** Events or deliveries of a page that does not say how many. */
export const AFTER_ROWS = 200;

export const callSidSchema = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .meta({ examples: ["CA0123456789abcdef0123456789abcdef"] });
const when = z.iso.datetime({ offset: true }).or(z.iso.date());
const moment = z.iso.datetime();
const count = z.int().min(0);

export const listQuery = z.strictObject({
  q: z
    .string()
    .min(1)
    .max(QUERY_CHARACTERS)
    .optional()
    .describe(
      'Words that are all said in one final; the last may be unfinished. "Several words" in quotes are a phrase.',
    ),
  number: z.string().min(1).max(64).optional().describe("Of either side, whole: `+15550100001`"),
  since: when.optional().describe("Opened at or after"),
  until: when.optional().describe("Opened before"),
  language: z
    .string()
    .regex(/^[a-z]{2,8}$/)
    .optional()
    .meta({ description: "Whisper code of the language of any final", examples: ["en"] }),
  status: z.enum(["live", "ended", "faulty"]).optional(),
  kind: z.enum(["call", "session"]).optional(),
  limit: wholeNumber(1, PAGE_ROWS_MAXIMUM)
    .optional()
    .meta({ description: "Rows at most, with `q` never more than the default", default: PAGE_ROWS }),
  cursor: cursorSchema.optional().meta({ description: "`next` of the page before", examples: ["c1a"] }),
});

export const noQuery = z.strictObject({});

const FORMATS = ["json", "txt", "srt", "vtt"] as const;
export const transcriptQuery = z.strictObject({
  format: z.enum(FORMATS).optional().describe("Instead of the header Accept"),
  track: trackSchema.optional().describe("Only this one; default: both, by time"),
});

const after = wholeNumber(0, SEQUENCE_MAXIMUM)
  .optional()
  .meta({ description: "Sequence of the last one that is known", default: 0 });
export const afterQuery = z.strictObject({
  after,
  limit: wholeNumber(1, DELIVERIES_MAXIMUM)
    .optional()
    .meta({ description: "Rows at most", default: AFTER_ROWS }),
});

export const resendBody = z.strictObject({
  states: z
    .array(z.enum(["dead", "delivered"]))
    .min(1)
    .max(2)
    .default(["dead"])
    .describe("Which deliveries are sent again; what is pending is on its way"),
  sequences: z
    .array(z.int().min(1).max(SEQUENCE_MAXIMUM))
    .min(1)
    .max(1000)
    .optional()
    .describe("Only these events; default: all of the call"),
});

const hit = z.strictObject({
  sequence: z.int().min(1),
  track: trackSchema,
  label: z.string(),
  startMs: z.number().min(0),
  endMs: z.number().min(0),
  language: z.string(),
  text: z.string().describe("The final, or the part of it around the first mark. Plain text, never markup"),
  marks: z
    .array(z.strictObject({ start: count, end: count }))
    .describe("What was found in `text`, in UTF-16 units, as strings of JavaScript count"),
  cutBefore: z.boolean().describe("Whether the final begins before `text`"),
  cutAfter: z.boolean(),
});

const callFields = {
  callSid: z.string(),
  kind: z.enum(["call", "session"]),
  status: z.enum(["live", "ended"]),
  faulty: z.boolean().describe("A gap, an end by a crash, or an event that was given up"),
  from: z
    .string()
    .describe("For calls masked but for four characters, unless the key has the scope `numbers`"),
  to: z.string(),
  masked: z.boolean(),
  mode: modeSchema,
  tracks: z.array(trackLabelSchema),
  languages: z.array(z.string()),
  openedAt: moment,
  mediaStartAt: moment.nullable().describe("Media time 0"),
  endedAt: moment.nullable(),
  endReason: endReasonSchema.nullable(),
  durationMs: count.describe("Of the media received"),
  finals: count,
  gaps: count,
  lastSequence: count,
  deliveries: z.strictObject({ pending: count, dead: count }),
};

export const callAnswer = z.strictObject(callFields);
export const listAnswer = z.strictObject({
  calls: z.array(
    z.strictObject({
      ...callFields,
      hits: z.array(hit).optional().describe("With `q`: the last of its hits, in sequence"),
      hitCount: count.optional().describe("With `q`: all of its hits"),
    }),
  ),
  next: z
    .string()
    .nullable()
    .describe("Cursor of the next page, or null. A page may have fewer rows than asked for"),
});

export const transcriptAnswer = z.strictObject({
  callSid: z.string(),
  status: z.enum(["live", "ended"]).describe("Of a live call: what was said so far"),
  tracks: z.array(trackLabelSchema),
  durationMs: count,
  finals: z.array(z.strictObject({ sequence: z.int().min(1), ...finalFields })).describe("By their start"),
  gaps: z
    .array(
      z.strictObject({
        sequence: z.int().min(1),
        track: trackSchema,
        label: z.string(),
        startMs: z.number().min(0),
        endMs: z.number().min(0),
        cause: gapCauseSchema,
      }),
    )
    .describe("Where speech is missing, by their start"),
});

export const eventsAnswer = z.strictObject({
  callSid: z.string(),
  events: z.array(eventSchema),
  next: z.int().min(1).nullable().describe("`after` of the next page; null: there is no more for now"),
});

export const deliveriesAnswer = z.strictObject({
  callSid: z.string(),
  endpoint: z.string().nullable().describe("Without its query; null: nobody is called back"),
  endpointDisabled: z.boolean().describe("It answered 410, and gets nothing until something is sent again"),
  deliveries: z.array(
    z.strictObject({
      sequence: z.int().min(1),
      id: z.string(),
      type: z.string(),
      state: z.enum(["pending", "delivered", "dead"]),
      attempts: count,
      queuedAt: moment,
      lastAttemptAt: moment.nullable(),
      nextAt: moment.nullable().describe("When the call is due at the endpoint; null when not pending"),
      lastStatus: z.int().nullable(),
      lastError: z.string().nullable(),
      lastResponse: z.string().nullable().describe("Beginning of the endpoint's last answer"),
      settledAt: moment.nullable(),
    }),
  ),
  next: z.int().min(1).nullable(),
});

export const resendAnswer = z.strictObject({
  callSid: z.string(),
  resent: count.describe("Events that are sent again"),
});
export const deleteAnswer = z.strictObject({ callSid: z.string(), deleted: z.literal(true) });
export const problemMeaning = z.strictObject({ code: z.string(), title: z.string() });
