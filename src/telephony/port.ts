/**
 * What this room needs from above: `app/` implements the port, telephony calls it and knows nothing of recognition.
 */
import type { Track } from "../transcript/event.ts";

/** What the call does when it does not, or no longer, stream to us. */
export type Then =
  /** A phone number. */
  | { dial: string }
  /** A SIP address, `sip:user@host`. */
  | { sip: string }
  /** The name of a client of the carrier's SDK. */
  | { client: string }
  /** An absolute URL that answers with TwiML. */
  | { redirect: string }
  | { hangup: true };

/** One entry of `numbers` in the configuration; `app/config` has validated it, see `faultsOfNumber`. */
export interface NumberEntry {
  /** E.164, or `*` for every number without an entry of its own. */
  number: string;
  mode: "start" | "connect";
  /** `connect` streams have the inbound track only. */
  tracks: readonly Track[];
  labels: Readonly<Record<Track, string>>;
  language: string;
  /** Spoken before the stream starts, so that it is never transcribed. */
  announcement: string | null;
  /** BCP-47 language of the announcement and the overload message; undefined: the carrier's default. */
  announcementLanguage?: string | undefined;
  /** Custom parameters that come back in the stream's `start` message; `token` is reserved. */
  parameters?: Readonly<Record<string, string>> | undefined;
  /** What follows the stream; null hangs up, which only a `connect` number can do. */
  then: Then | null;
  /** Spoken on `connect` numbers when the machine is full. */
  overloadMessage: string;
}

export interface CallInfo {
  callSid: string;
  accountSid: string;
  from: string;
  to: string;
  entry: NumberEntry;
}

export interface StreamInfo {
  callSid: string;
  streamSid: string;
  accountSid: string;
  tracks: Track[];
  /** Custom parameters without the token. */
  parameters: Record<string, string>;
  /** When the `start` message came, Unix ms. */
  startedAt: number;
}

/** Takes what one media stream brings. Must not block and must not throw. */
export interface MediaSink {
  /**
   * @param timestampMs - Media time since this stream's start, in [0, 86 400 000]; not ordered, and as hostile as the peer.
   * @param mulaw - One byte per sample, 8 kHz, at least one; the sink may keep it. [n]
   */
  packet(track: Track, timestampMs: number, mulaw: Uint8Array): void;
  /** @param digit - One of `0-9 A-D * #`. */
  dtmf(track: Track, digit: string): void;
  /** Called exactly once, and last. `stream_closed`: the socket went without a `stop`, the call may still be alive. */
  end(reason: "stream_stopped" | "stream_closed"): void;
}

export type StreamStatus = "stream-started" | "stream-stopped" | "stream-error";

export interface TelephonyPort {
  /** The entry of exactly this number, else the `*` entry, else null. */
  findNumber(to: string): NumberEntry | null;
  /** Whether the call was answered here before, by this run or an earlier one. */
  hasCall(callSid: string): boolean;
  /** Whether the call may stream. A call that was accepted before stays accepted: webhooks are retried. */
  admit(callSid: string): "accepted" | "overloaded" | "draining";
  /** A stream was offered to the call. Repeats for one callSid: retried webhook, recovery, redirect back to us. */
  callAnswered(call: CallInfo): void;
  /** An authenticated stream opens; null when the call is unknown or has ended, which closes the socket. */
  openStream(stream: StreamInfo): MediaSink | null;
  streamStatus(callSid: string, streamSid: string, event: StreamStatus, error?: string): void;
  /** `completed`, `busy`, `failed`, `no-answer` and `canceled` end the call. */
  callStatus(callSid: string, status: string): void;
}
