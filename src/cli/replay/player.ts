/**
 * Plays the recording onto the streams that are open, and tells the server what becomes of them.
 */
import type { Addresses } from "./addresses.ts";
import type { BacklogSignal } from "./backlog.ts";
import type { CallClock } from "./call-clock.ts";
import { CARRIER_ERRORS, CarrierError, type CarrierErrorCode } from "./carrier-error.ts";
import type { CarrierHttp } from "./carrier-http.ts";
import { MediaStream, type StreamEnd } from "./media-stream.ts";
import type { RecordedCall, RecordedMessage } from "./recorded-call.ts";
import type { ReplayLog, StreamReport } from "./report.ts";
import { StreamMessages } from "./stream-messages.ts";
import type { StreamVerb } from "./twiml-verbs.ts";

export interface StreamPlayerOptions {
  call: RecordedCall;
  identity: { accountSid: string; callSid: string };
  createStreamSid: () => string;
  clock: CallClock;
  /** Asked for room while playing; undefined at speeds that the clock limits. */
  backlog: BacklogSignal | undefined;
  addresses: Addresses;
  http: CarrierHttp;
  log: ReplayLog;
  signal: AbortSignal | undefined;
}

export interface OpenStream {
  verb: StreamVerb;
  socket: MediaStream;
  messages: StreamMessages;
  report: StreamReport;
  /** Recorded time at which the stream began; what was sent before is not for it. */
  fromMs: number;
}

export class StreamPlayer {
  readonly #options: StreamPlayerOptions;
  readonly #recording: Iterator<RecordedMessage>;
  #next: RecordedMessage | undefined;
  #open: OpenStream[] = [];
  /** Stream status callbacks, in order; a slow answer holds up the next one and not the audio. */
  #callbacks: Promise<void> = Promise.resolve();
  #dropped = false;
  readonly #violated = new Set<StreamReport>();
  readonly #closing: Promise<StreamEnd>[] = [];

  constructor(options: StreamPlayerOptions) {
    this.#options = options;
    this.#recording = options.call.messages[Symbol.iterator]();
    this.#advance();
    options.signal?.addEventListener("abort", () => {
      for (const { socket } of this.#open) void socket.drop();
    });
  }

  /** How long the call has lasted, recorded ms. */
  get durationMs(): number {
    return Math.max(0, this.#options.clock.positionMs);
  }

  /** Opens a stream and starts it; undefined, with the error reported, when the server does not take it. */
  async open(verb: StreamVerb, mode: "start" | "connect"): Promise<OpenStream | undefined> {
    const { createStreamSid, identity, call, clock, log } = this.#options;
    const streamSid = createStreamSid();
    const report: StreamReport = {
      streamSid,
      mode,
      url: verb.url,
      tracks: verb.tracks,
      startedAt: 0,
      packets: 0,
      end: null,
    };
    const socket = await this.#dial(verb, report);
    if (socket === undefined) return undefined;
    clock.begin(call.startAtMs);
    const fromMs = clock.positionMs;
    const { tracks, parameters } = verb;
    const writer = new StreamMessages(
      { ...identity, streamSid, tracks, parameters, mode },
      call.tracks,
      Math.max(0, Math.round(fromMs) - call.startAtMs),
    );
    const stream: OpenStream = { verb, socket, messages: writer, report, fromMs };
    this.#open.push(stream);
    await socket.send(writer.connected());
    await socket.send(writer.start());
    report.startedAt = Date.now();
    log.stream(report);
    this.#tell(verb, streamSid, "stream-started");
    void socket.ended.then((end) => this.#ended(stream, end));
    if (this.#violated.has(report)) this.#cutOff(stream);
    return stream;
  }

  /**
   * Plays for `lengthMs` of recorded time, or until `until` ends, or to the end of the call.
   *
   * @returns `call-ended` when the caller hung up or the replay was aborted.
   */
  async play(lengthMs = Infinity, until?: OpenStream): Promise<"call-ended" | "elapsed" | "stream-ended"> {
    const { clock, call, signal, log } = this.#options;
    if (!clock.hasBegun && Number.isFinite(lengthMs)) {
      // Nothing of the recording is spoken before the first stream.
      await clock.pass(lengthMs);
      return "elapsed";
    }
    clock.begin(call.startAtMs);
    const stopAtMs = clock.positionMs + lengthMs;
    while (this.#next !== undefined && this.#next.atMs <= stopAtMs) {
      if (signal?.aborted) return "call-ended";
      if (until?.socket.isOpen === false) return "stream-ended";
      await clock.until(this.#next.atMs);
      await this.#send(this.#next);
      log.progress(this.#next.atMs, call.endAtMs);
      this.#advance();
    }
    await clock.until(Math.min(stopAtMs, call.endAtMs));
    if (until?.socket.isOpen === false) return "stream-ended";
    if (stopAtMs < call.endAtMs) return "elapsed";
    if (call.ending === "drop" && !this.#dropped) return this.#dropAll(until);
    return "call-ended";
  }

  /** The call is over: stop messages, closed sockets, callbacks. */
  async hangUp(): Promise<void> {
    if (this.#options.signal?.aborted) {
      await Promise.all(this.#open.map(({ socket }) => socket.drop()));
    }
    for (const { socket, messages } of [...this.#open]) {
      await socket.send(messages.stop());
      await socket.close();
    }
    await Promise.all(this.#closing);
    await this.#callbacks;
  }

  /** The recording ends with a broken connection; on a `connect` stream the call outlives it. */
  async #dropAll(until: OpenStream | undefined): Promise<"call-ended" | "stream-ended"> {
    this.#dropped = true;
    await Promise.all(this.#open.map(({ socket }) => socket.drop()));
    return until === undefined ? "call-ended" : "stream-ended";
  }

  #advance(): void {
    const next = this.#recording.next();
    this.#next = next.done ? undefined : next.value;
  }

  async #send(recorded: RecordedMessage): Promise<void> {
    const { backlog, log } = this.#options;
    if (this.#open.length > 0) await backlog?.room(recorded.atMs);
    for (const { socket, messages, report, fromMs } of this.#open) {
      // What was said before this stream began is lost to it.
      if (recorded.atMs < fromMs) continue;
      for (const text of messages.of(recorded)) {
        await socket.send(text);
        if (recorded.kind === "media") log.packet(report);
      }
    }
  }

  async #dial(verb: StreamVerb, report: StreamReport): Promise<MediaStream | undefined> {
    const { addresses, http } = this.#options;
    try {
      const { protocol } = new URL(verb.url);
      if (protocol !== addresses.socketScheme) {
        throw new CarrierError(31920, `Expected a ${addresses.socketScheme}// stream URL, got ${protocol}//`);
      }
      return await MediaStream.open({
        url: addresses.toConnect(verb.url),
        signature: http.signature(verb.url),
        onMessage: (text, isBinary) => this.#received(report, text, isBinary),
      });
    } catch (error) {
      const { code, message } =
        error instanceof CarrierError ? error : new CarrierError(31920, String(error));
      this.#fail(verb, report.streamSid, code, message);
      return undefined;
    }
  }

  /** A `start` stream is receive-only for the server: whatever it sends is a protocol error and ends the stream. */
  #received(report: StreamReport, text: string, isBinary: boolean): void {
    const { log } = this.#options;
    if (report.mode === "start") {
      if (this.#violated.has(report)) return;
      this.#violated.add(report);
      log.error(
        31924,
        `${CARRIER_ERRORS[31924]}: the server sent ${text.length} characters on a start stream`,
      );
      const stream = this.#open.find((open) => open.report === report);
      if (stream !== undefined) this.#cutOff(stream);
    } else if (isBinary || !isServerMessage(text)) {
      log.error(31950, CARRIER_ERRORS[31950]);
    }
  }

  /** Ends a stream on which the server broke the protocol. */
  #cutOff(stream: OpenStream): void {
    if (!this.#open.includes(stream)) return;
    this.#open = this.#open.filter((open) => open !== stream);
    this.#tell(stream.verb, stream.report.streamSid, "stream-error", `31924 ${CARRIER_ERRORS[31924]}`);
    this.#closing.push(stream.socket.close());
  }

  #ended(stream: OpenStream, end: StreamEnd): void {
    const { verb, report } = stream;
    this.#options.log.streamEnded(report, end);
    const wasOpen = this.#open.includes(stream);
    this.#open = this.#open.filter((open) => open !== stream);
    if (!wasOpen || this.#options.signal?.aborted) return;
    if (end.by === "carrier" || end.code === 1000) this.#tell(verb, report.streamSid, "stream-stopped");
    else this.#fail(verb, report.streamSid, 31921, `${CARRIER_ERRORS[31921]} ${end.code}`);
  }

  #fail(verb: StreamVerb, streamSid: string, code: CarrierErrorCode, message: string): void {
    this.#options.log.error(code, message);
    this.#tell(verb, streamSid, "stream-error", `${code} ${message}`);
  }

  #tell(verb: StreamVerb, streamSid: string, event: string, error?: string): void {
    const { identity, http, log } = this.#options;
    const url = verb.statusCallback;
    if (url === undefined) return;
    const form = {
      AccountSid: identity.accountSid,
      CallSid: identity.callSid,
      StreamSid: streamSid,
      StreamName: verb.name ?? streamSid,
      StreamEvent: event,
      ...(error !== undefined && { StreamError: error }),
      Timestamp: new Date().toISOString(),
    };
    this.#callbacks = this.#callbacks.then(async () => {
      await http.post(url, form).catch((failure: CarrierError) => log.error(failure.code, failure.message));
    });
  }
}

/** A message that a server may send on a `connect` stream. */
function isServerMessage(text: string): boolean {
  try {
    const { event } = JSON.parse(text) as { event?: unknown };
    return event === "media" || event === "mark" || event === "clear";
  } catch {
    return false;
  }
}
