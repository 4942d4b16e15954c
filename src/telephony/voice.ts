/**
 * Decides what the voice webhook answers: a stream, what follows without one, or a refusal. No HTTP here.
 *
 * A caller never hears the carrier's error message: every way out of here is a document, faults of ours included.
 */
import type { Counters } from "../base/counters.ts";
import { messageOf } from "../base/error.ts";
import { type Logger, maskNumber } from "../base/log.ts";
import { mediaAddress, publicAddress, STREAM_PATH, VOICE_PATH } from "./address.ts";
import type { FinishedStreams } from "./finished.ts";
import type { NumberEntry, TelephonyPort } from "./port.ts";
import type { StreamTokens } from "./token.ts";
import type { ConnectOffer, Twiml } from "./twiml.ts";

/** Parameter of our own voice URL: which recovery of the call's `connect` stream is asked for, from 1. */
export const RECOVERY_PARAMETER = "recovery";
/** A call whose stream dies more often than this goes on without one. */
export const DEFAULT_MAXIMUM_RECOVERIES = 5;

export interface VoiceOptions {
  port: TelephonyPort;
  tokens: StreamTokens;
  finished: FinishedStreams;
  twiml: Twiml;
  publicUrl: () => string;
  /** What the media socket is under, mostly `publicUrl`. */
  mediaUrl: () => string;
  maximumRecoveries?: number | undefined;
  log: Logger;
  counters: Counters;
}

/** The fields of a voice webhook; null where one is missing or not usable. */
export interface VoiceRequest {
  callSid: string | null;
  accountSid: string | null;
  from: string | null;
  to: string | null;
  /** 0 for a call that comes in. */
  recovery: number;
}

/** Answers with a whole TwiML document; never throws. */
export function answerVoice(options: VoiceOptions, request: VoiceRequest): string {
  const { port, log, counters, twiml } = options;
  let entry: NumberEntry | null = null;
  try {
    const { callSid, to } = request;
    if (callSid === null || to === null) {
      log.warn({ code: "REQUEST_MALFORMED" }, "voice webhook without a usable CallSid or To");
      return refusal(options, request);
    }
    entry = port.findNumber(to);
    if (entry === null) {
      counters.add("voice.unknown_number");
      log.warn({ code: "CALL_UNKNOWN_NUMBER", callSid, to: maskNumber(to) }, "call on an unknown number");
      return refusal(options, request);
    }
    return answerKnown(options, { ...request, callSid, to }, entry);
  } catch (error) {
    counters.add("voice.failed");
    log.error({ callSid: request.callSid, error: messageOf(error) }, "voice webhook failed; no stream");
    return entry === null ? refusal(options, request) : notTranscribed(twiml, entry, request);
  }
}

type KnownRequest = VoiceRequest & { callSid: string; to: string };

function answerKnown(options: VoiceOptions, request: KnownRequest, entry: NumberEntry): string {
  const { port, finished, twiml, log, counters, maximumRecoveries = DEFAULT_MAXIMUM_RECOVERIES } = options;
  const { callSid, recovery } = request;
  if (recovery === 0) finished.delete(callSid);
  else if (entry.mode !== "connect" || finished.has(callSid)) return twiml.withoutStream(entry.then);
  else if (!port.hasCall(callSid)) {
    // Another process answered it, and has events of it: ours would have the same ids, and be dropped as repeats.
    counters.add("voice.foreign_recoveries");
    log.warn(
      { callSid, recovery },
      "recovery of a call that was answered elsewhere; it goes on without a stream",
    );
    return twiml.withoutStream(entry.then);
  } else if (recovery > maximumRecoveries) {
    log.error({ callSid, recovery }, "media stream died too often; the call goes on without one");
    return twiml.withoutStream(entry.then);
  } else {
    counters.add("voice.recoveries");
    log.warn({ callSid, recovery }, "media stream died; offering another");
  }
  const admission = port.admit(callSid);
  if (admission !== "accepted") {
    counters.add(`voice.${admission}`);
    const code = admission === "draining" ? "SERVER_DRAINING" : "CALL_OVERLOADED";
    log.warn({ code, callSid, to: maskNumber(request.to) }, "call is not transcribed");
    return notTranscribed(twiml, entry, request);
  }
  return offerStream(options, request, entry);
}

function offerStream(options: VoiceOptions, request: KnownRequest, entry: NumberEntry): string {
  const { port, tokens, twiml, publicUrl, mediaUrl, log, counters } = options;
  const { callSid, to, recovery } = request;
  const from = request.from ?? "";
  port.callAnswered({ callSid, accountSid: request.accountSid ?? "", from, to, entry });
  const { token, streamName } = tokens.mint(callSid);
  const base = publicUrl();
  const offer: ConnectOffer = {
    url: mediaAddress(mediaUrl()),
    name: streamName,
    statusCallback: publicAddress(base, STREAM_PATH),
    token,
    recoveryUrl: publicAddress(base, `${VOICE_PATH}?${RECOVERY_PARAMETER}=${recovery + 1}`),
  };
  counters.add("voice.answered");
  const fields = { callSid, from: maskNumber(from), to: maskNumber(to), mode: entry.mode, recovery };
  log.info(fields, "call answered with a stream");
  // Who heard the announcement before the stream died need not hear it again.
  const spoken = recovery === 0 ? entry : { ...entry, announcement: null };
  if (entry.mode === "connect") return twiml.connect(spoken, offer);
  const { recoveryUrl: _, ...startOffer } = offer;
  return twiml.start(spoken, startOffer);
}

/** A call between people goes on; one that came to be transcribed is told why it ends. */
function notTranscribed(twiml: Twiml, entry: NumberEntry, { recovery }: VoiceRequest): string {
  return entry.mode === "start" || recovery > 0 ? twiml.withoutStream(entry.then) : twiml.overload(entry);
}

/** A call that comes in is rejected; one that is under way cannot be, and ends. */
function refusal({ twiml }: VoiceOptions, { recovery }: VoiceRequest): string {
  return recovery === 0 ? twiml.reject() : twiml.withoutStream(null);
}
