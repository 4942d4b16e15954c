/**
 * The shape of the configuration file: every setting with its unit, range, default and meaning.
 */
import { z } from "zod";
import { faultsOfHints, normaliseHints } from "../asr/hints.ts";
import { messageOf } from "../base/error.ts";
import { parseNetwork } from "../base/ip-address.ts";
import { parseSecret } from "../delivery/signing.ts";
import { asrSchema } from "./config-asr.ts";

const url = (protocols: string[]) =>
  z.string().superRefine((text, context) => {
    const parsed = URL.canParse(text) ? new URL(text) : null;
    if (!parsed || !protocols.includes(parsed.protocol)) {
      context.addIssue({
        code: "custom",
        message: `expected a URL with ${protocols.join(" or ")}, got "${text}"`,
      });
    } else if (parsed.username !== "" || parsed.password !== "") {
      context.addIssue({ code: "custom", message: "expected a URL without credentials" });
    }
  });

/** What paths are put behind. */
const baseUrl = url(["https:", "http:"]).refine(
  (text) => !/[?#]/.test(text),
  "expected a URL without a query",
);

const secret = z.string().superRefine((text, context) => {
  try {
    parseSecret(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: messageOf(error) });
  }
});

const milliseconds = (minimum: number, maximum: number) => z.int().min(minimum).max(maximum);

/** Where the events of a call are posted. */
const callback = z.strictObject({
  /** http(s) URL of the receiver. An operator's own may be private. */
  url: url(["https:", "http:"]),
  /** `whsec_` secrets, the first is the current one; several while keys rotate. */
  secrets: z.array(secret).min(1).max(5),
});

const then = z.union([
  z.strictObject({ dial: z.string().min(1).max(100) }),
  z.strictObject({ sip: z.string().regex(/^sips?:/) }),
  z.strictObject({ client: z.string().min(1).max(200) }),
  z.strictObject({ redirect: url(["https:", "http:"]) }),
  z.strictObject({ hangup: z.literal(true) }),
]);

const hints = z
  .array(z.string())
  .superRefine((list, context) => {
    for (const { index, message } of faultsOfHints(list)) {
      context.addIssue({ code: "custom", path: index === null ? [] : [index], message });
    }
  })
  .transform(normaliseHints);

const track = z.enum(["inbound", "outbound"]);

const number = z.strictObject({
  /** E.164, or `*` for every other number. */
  number: z.string().regex(/^(\*|\+[1-9]\d{3,17})$/, 'expected E.164 such as +15550101234, or "*"'),
  /** `start`: transcribe beside the call. `connect`: the call is for transcription only. */
  mode: z.enum(["start", "connect"]),
  tracks: z.array(track).min(1).max(2).default(["inbound"]),
  /** What the transcript calls the two parties. */
  labels: z
    .strictObject({
      inbound: z.string().min(1).max(60).optional(),
      outbound: z.string().min(1).max(60).optional(),
    })
    .default({}),
  /**
   * BCP-47 tag, Whisper code, or `auto`: detected on each track from its first utterances and then kept, see
   * docs/language.md.
   */
  language: z.string().min(2).max(20).default("en"),
  /**
   * Names, products and numbers that callers are likely to say: at most 1000 of at most 100 characters, see
   * docs/hints.md.
   */
  hints: hints.prefault([]),
  announcement: z.string().min(1).max(4096).nullable().default(null),
  announcementLanguage: z.string().min(2).max(20).optional(),
  parameters: z.record(z.string(), z.string()).optional(),
  then: then.nullable().default(null),
  overloadMessage: z
    .string()
    .max(4096)
    .default("We cannot take your call right now. Please try again later."),
  /** Overrides the default callback for this number. */
  callback: callback.optional(),
  /** Overrides `vad.silenceMs` and `vad.endpointMs` for this number; what it costs is in docs/endpointing.md. */
  endpointing: z
    .strictObject({
      silenceMs: milliseconds(32, 10_000).optional(),
      endpointMs: milliseconds(32, 10_000).optional(),
    })
    .optional(),
});

const network = z.string().superRefine((text, context) => {
  if (parseNetwork(text) === null) {
    context.addIssue({
      code: "custom",
      message: `expected an address or a network such as 10.0.0.0/8, got "${text}"`,
    });
  }
});

/** Hops, or the networks of the proxies; not all addresses there are, for that would let everybody choose their own. */
const trustedProxies = z.unknown().transform((value, context): number | string[] => {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 10) return value;
  const networks = z.array(network).max(100).safeParse(value);
  const sound = networks.success && networks.data.every((text) => parseNetwork(text)?.prefix !== 0);
  if (sound) return networks.data;
  const message = `expected a number from 0 to 10, or addresses and networks of proxies such as ["10.0.0.0/8"]`;
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});

/** What a browser sends as `Origin`, or `*`. */
const origin = z.string().superRefine((text, context) => {
  const sound = text === "*" || (URL.canParse(text) && new URL(text).origin === text && !text.includes("*"));
  if (!sound)
    context.addIssue({ code: "custom", message: `expected https://app.example.com or "*", got "${text}"` });
});

const count = (standard: number, maximum = 1_000_000) => z.int().min(1).max(maximum).default(standard);

const probability = z.number().gt(0).max(1);

export const configSchema = z.strictObject({
  /** Address that the carrier uses for us, as the carrier is given it; needed to check signatures. */
  publicUrl: baseUrl.optional(),
  host: z.string().min(1).default("0.0.0.0"),
  /** 0 takes a free port. */
  port: z.int().min(0).max(65535).default(8080),
  /** Accept unsigned webhooks; on loopback only. */
  insecure: z.boolean().default(false),
  logLevel: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
  twilio: z
    .strictObject({
      /** Tokens that may sign webhooks; several while tokens rotate. */
      authTokens: z.array(z.string().min(1)).max(5).default([]),
      /** Check of the media socket's upgrade; the token in the stream authenticates in any case. */
      upgradeSignature: z.enum(["required", "ifPresent", "off"]).default("ifPresent"),
      /** What our media socket is under, where several processes share `publicUrl`; see docs/scaling.md. */
      mediaUrl: baseUrl.optional(),
      /** Credentials of the REST API, with which a `start` stream that died is started again. */
      api: z
        .strictObject({
          accountSid: z.string().min(1),
          username: z.string().min(1),
          password: z.string().min(1),
          baseUrl: url(["https:", "http:"]).optional(),
        })
        .optional(),
    })
    .prefault({}),
  callback: callback.optional(),
  numbers: z.array(number).max(10_000).default([]),
  store: z
    .strictObject({
      path: z.string().min(1).default("data/linescribe.db"),
      /** Delivered events stay in the outbox this long. */
      keepDeliveredDays: z.number().min(0.01).max(3650).default(7),
    })
    .prefault({}),
  asr: asrSchema.prefault({}),
  /** Folder of models beside those of the package, where `models pull` puts them; see docs/models.md. */
  models: z.string().min(1).default("data/models"),
  /** The hub that models are pulled from: Hugging Face, or a mirror that answers as it does. */
  hub: url(["https:", "http:"]).default("https://huggingface.co"),
  vad: z
    .strictObject({
      /** Worker threads; 0 chooses from the machine and `limits`, see docs/scaling.md. */
      workers: z.int().min(0).max(64).default(0),
      profile: z.enum(["phone", "pcm"]).default("phone"),
      onsetThreshold: probability.optional(),
      offsetThreshold: probability.optional(),
      silenceMs: milliseconds(32, 10_000).optional(),
      longUtteranceMs: milliseconds(0, 30_000).optional(),
      longSilenceMs: milliseconds(32, 10_000).optional(),
      minimumSpeechMs: milliseconds(0, 5000).optional(),
      prefixPadMs: milliseconds(0, 5000).optional(),
      hangoverPadMs: milliseconds(0, 5000).optional(),
      maximumUtteranceMs: milliseconds(1000, 30_000).optional(),
      /** Silence after which an utterance is shown live as complete; its final comes after `silenceMs`. */
      endpointMs: milliseconds(32, 10_000).default(400),
    })
    .prefault({}),
  /** Who may use sockets and API, see docs/access.md. */
  access: z
    .strictObject({
      /** How many proxies stand in front of us, or where they are; what they say of the client's address counts. */
      trustedProxies: trustedProxies.prefault(0),
      /** Origins of web pages elsewhere that may connect; `*` is every one. */
      origins: z.array(origin).max(1000).default([]),
      /** Longest session of a socket or a request; calls of the carrier have their own limit. */
      maximumSessionMs: milliseconds(1000, 86_400_000).default(3_600_000),
      /** Browsers that showed a key and keep a cookie instead, see docs/pages.md. */
      login: z
        .strictObject({
          /** How long one may last, and how long it may go unused. */
          maximumMs: milliseconds(60_000, 31_536_000_000).default(604_800_000),
          idleMs: milliseconds(60_000, 31_536_000_000).default(43_200_000),
        })
        .prefault({}),
      limits: z
        .strictObject({
          /** Sockets and requests at once, of all. */
          connections: count(1000, 100_000),
          connectionsPerKey: count(100, 100_000),
          /** An IPv6 address counts as its /64, here and below. */
          connectionsPerAddress: count(100, 100_000),
          /** New ones per minute, and as many at once after a quiet minute. */
          socketsPerMinutePerKey: count(600),
          socketsPerMinutePerAddress: count(300),
          requestsPerMinutePerKey: count(600),
          requestsPerMinutePerAddress: count(600),
        })
        .prefault({}),
    })
    .prefault({}),
  /** URLs that API callers give: files that are there, callbacks that go there; see docs/outside-urls.md. */
  fetch: z
    .strictObject({
      /** Networks inside that such URLs may lead to. */
      allow: z.array(network).max(100).default([]),
      /** Ports that they may name. */
      ports: z.array(z.int().min(1).max(65_535)).min(1).max(100).default([80, 443, 8080, 8443]),
      /** At once. */
      connections: count(32, 1000),
    })
    .prefault({}),
  /** WebSockets of clients that are no carrier. */
  sockets: z
    .strictObject({
      /** Longest silence of a client, keep-alives included. */
      idleMs: milliseconds(1000, 3_600_000).default(60_000),
      /** How long a session waits for a client that dropped. */
      resumeMs: milliseconds(0, 600_000).default(60_000),
    })
    .prefault({}),
  /** Files over HTTP. */
  api: z
    .strictObject({
      /** Files transcribed at once; one more is answered with 503. Each may hold 150 MB. */
      requests: z.int().min(1).max(64).default(4),
      /** Bytes of a file at most, 25 MiB as OpenAI's. */
      fileBytes: z.int().min(1024).max(1_073_741_824).default(26_214_400),
      /** Minutes that a file may play at most. */
      fileMinutes: z.number().min(0.1).max(600).default(60),
      /** Whether an installed ffmpeg decodes what no library here does (MP4, AAC): `auto` takes one from `PATH`. */
      ffmpeg: z.enum(["auto", "off"]).default("auto"),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** Calls transcribed at once; more are answered without a stream. */
      calls: z.int().min(1).max(10_000).default(100),
      /** Sessions of clients that are no carrier at once; more are refused. */
      sessions: z.int().min(1).max(10_000).default(100),
      /** Seconds of audio that may wait for recognition before new calls are answered without a stream, and sessions refused. */
      backlogSeconds: z.number().min(1).max(3600).default(60),
      /** How long a call whose stream died may stay without a new one. */
      recoverMs: milliseconds(0, 600_000).default(30_000),
      /** How long shutting down may take. */
      drainMs: milliseconds(0, 3_600_000).default(30_000),
    })
    .prefault({}),
});

export type ConfigFile = z.infer<typeof configSchema>;
export type NumberConfig = ConfigFile["numbers"][number];
