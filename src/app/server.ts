/**
 * The running program: opens the store, starts the engine, listens, and stops in the right order.
 *
 * Stop: readiness off, no new calls and sessions -> open utterances recognised and committed, `call.ended` of each ->
 * sockets closed -> due webhooks and callbacks sent -> HTTP closed -> engine closed -> store closed.
 */
import type http from "node:http";
import { type Access, createAccess } from "../access/access.ts";
import { showDevice } from "../asr/device.ts";
import type { ErrorCode } from "../base/codes.ts";
import { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { CallLimits } from "../call/call-options.ts";
import { attachLiveSocket, LISTEN_PATH } from "../deepgram/live-socket.ts";
import { OTHER_PATH, refuseOtherVersion } from "../deepgram/other-version.ts";
import type { OutsideSchedule } from "../delivery/outside-attempt.ts";
import type { Schedule } from "../delivery/schedule.ts";
import { DeliverySender } from "../delivery/sender.ts";
import type { Resolve } from "../fetch/resolve.ts";
import type { CallsApi } from "../rest/calls-api.ts";
import { Sessions } from "../session/sessions.ts";
import type { SocketDesk } from "../sockets/socket-desk.ts";
import { attachTranscribeSocket, TRANSCRIBE_PATH } from "../sockets/transcribe-socket.ts";
import { openStore, type Store } from "../store/store.ts";
import { MEDIA_PATH } from "../telephony/address.ts";
import type { MediaSocket } from "../telephony/media-socket.ts";
import { createTelephony, type Telephony } from "../telephony/telephony.ts";
import type { CallEvent } from "../transcript/event.ts";
import type { TranscriptPartial } from "../transcript/partial.ts";
import { createCallsApi } from "./calls-api.ts";
import { Committer } from "./committer.ts";
import { type Config, invalidConfig } from "./config.ts";
import { type Engine, startEngine } from "./engine.ts";
import { createFileApi, type FileApi } from "./file-api.ts";
import { type Health, healthRoutes } from "./health.ts";
import { closeHttp, createHttp, listenOn, localUrl } from "./http.ts";
import { createLive, type Live } from "./live.ts";
import { createOutside, type Outside } from "./outside.ts";
import { pagesOf } from "./pages.ts";
import { Switchboard, WATERMARK_MS } from "./switchboard.ts";
import { streamTokenKey } from "./token-key.ts";
import { UpgradeRoutes } from "./upgrades.ts";

export interface ServerOptions {
  config: Config;
  logger: Logger;
  counters?: Counters;
  /** Told of every event when it is committed, for live lines. */
  onEvent?: (event: CallEvent) => void;
  /** Told what is being said; absent: no partials are made. */
  onPartial?: (partial: TranscriptPartial) => void;
  /** An engine that somebody else closes; started here when it is left out. */
  engine?: Engine;
  callLimits?: Partial<CallLimits>;
  schedule?: Schedule;
  /** How URLs that API callers give are resolved, and how often callbacks to them are tried. */
  outside?: { resolve?: Resolve; schedule?: Partial<OutsideSchedule> };
}

export interface RunningServer {
  /** Where it listens, `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly counters: Counters;
  readonly store: Store;
  readonly engine: Engine;
  /** Ends every call with its transcript, sends what is due, and closes; resolves within `limits.drainMs`. */
  stop(): Promise<void>;
}

/** The part of the drain time that webhooks may take once all calls have ended. */
const DELIVERY_SHARE = 0.5;
/** How long the answer of the store to a probe holds. */
const PROBE_MS = 2000;

/**
 * Starts the server; resolves when it takes calls.
 *
 * @throws {LinescribeError} `MODEL_...`, `CARD_...`, `STORE_FAILED`, `CONFIG_INVALID`; nothing listens then.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, logger, counters = new Counters() } = options;
  const store = openStore({ path: config.store.path, counters, exclusive: true });
  let engine: Engine | null = null;
  try {
    const { asr, vad, models } = config;
    engine =
      options.engine ?? (await startEngine({ asr, vadWorkers: vad.workers, models, logger, counters }));
    checkLanguages(config, engine);
    const server = new Server({ ...options, counters }, store, engine);
    await server.listen();
    return server;
  } catch (error) {
    if (engine !== options.engine) await engine?.close();
    store.close();
    throw error;
  }
}

class Server implements RunningServer {
  readonly counters: Counters;
  readonly store: Store;
  readonly engine: Engine;
  readonly #options: ServerOptions;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #sender: DeliverySender;
  readonly #outside: Outside;
  readonly #committer: Committer;
  readonly #switchboard: Switchboard;
  readonly #access: Access;
  readonly #sessions: Sessions;
  readonly #telephony: Telephony;
  readonly #files: FileApi;
  readonly #calls: CallsApi;
  readonly #live: Live;
  readonly #http: http.Server;
  readonly #media: MediaSocket;
  readonly #transcribe: SocketDesk;
  readonly #listen: SocketDesk;
  readonly #watermarks: NodeJS.Timeout;
  #probed: { at: number; failure: ErrorCode | null } = { at: -Infinity, failure: null };
  #draining = false;
  #stopped: Promise<void> | null = null;

  constructor(options: ServerOptions & { counters: Counters }, store: Store, engine: Engine) {
    const { config, logger, counters } = options;
    this.#options = options;
    this.#config = config;
    this.#logger = logger;
    this.counters = counters;
    this.store = store;
    this.engine = engine;
    this.#sender = new DeliverySender({
      store,
      endpoints: (url) => {
        const secrets = config.endpoints.get(url);
        return secrets ? { url, secrets } : null;
      },
      logger,
      counters,
      keepDeliveredMs: Math.round(config.store.keepDeliveredDays * 24 * 3600 * 1000),
      ...(options.schedule ? { schedule: options.schedule } : {}),
    });
    this.#outside = createOutside({ config, store, logger, counters, ...options.outside });
    const onCommitted = (event: CallEvent): void => {
      this.#sender.wake();
      this.#live.feed.event(event);
      options.onEvent?.(event);
    };
    this.#access = createAccess({
      ...config.access,
      keys: store.keys,
      logins: store.logins,
      publicUrl: config.publicUrl,
      log: logger,
      counters,
    });
    this.#live = createLive({ access: this.#access, store, logger, counters });
    this.#committer = new Committer({ store, onCommitted, logger, counters });
    this.#switchboard = this.#createSwitchboard();
    this.#sessions = this.#createSessions();
    const { authTokens, mediaUrl } = config.twilio;
    this.#telephony = createTelephony({
      port: this.#switchboard,
      keys: () => ({ authTokens, mediaUrl, publicUrl: config.publicUrl ?? this.url }),
      insecure: config.insecure,
      upgradePolicy: config.twilio.upgradeSignature,
      tokenKey: streamTokenKey(config.twilio.authTokens),
      maximumSockets: config.limits.calls * 2,
      carrierApi: config.twilio.api ?? null,
      addressOf: (request) => this.#access.addressOf(request),
      log: logger,
      counters,
    });
    const health = healthRoutes({ health: () => this.#health(), unready: () => this.#unready() });
    const shared = { access: this.#access, outside: this.#outside, logger, counters };
    this.#files = createFileApi({ config, engine, ...shared });
    const onResent = (): void => this.#sender.wake();
    this.#calls = createCallsApi({ store, access: this.#access, onResent, logger, counters });
    const apis = [this.#telephony.router, this.#live.router, this.#calls.router];
    this.#http = createHttp([health, ...apis, pagesOf(this.#access)], this.#files.routers);
    const upgrades = new UpgradeRoutes(this.#http);
    this.#media = this.#telephony.attach(upgrades.at(MEDIA_PATH));
    const [sessions, access] = [this.#sessions, this.#access];
    const sockets = { access, sessions, limits: config.sockets, log: logger, counters };
    this.#transcribe = attachTranscribeSocket(upgrades.at(TRANSCRIBE_PATH), sockets);
    const [{ model }, { callbacks }] = [engine, this.#outside];
    refuseOtherVersion(upgrades.at(OTHER_PATH));
    this.#listen = attachLiveSocket(upgrades.at(LISTEN_PATH), { ...sockets, model, callbacks });
    this.#watermarks = setInterval(() => this.#saveWatermarks(), WATERMARK_MS);
    this.#watermarks.unref();
  }

  get url(): string {
    return localUrl(this.#http, this.#config.host);
  }

  /** Listens and takes up what an earlier run left; when it rejects, nothing listens. */
  async listen(): Promise<void> {
    const { host, port, publicUrl } = this.#config;
    try {
      await listenOn(this.#http, host, port);
      this.#switchboard.recover();
      this.#sessions.recover();
    } catch (error) {
      clearInterval(this.#watermarks);
      await Promise.all([this.#media.close(1001), this.#transcribe.close(), this.#listen.close()]);
      this.#live.close();
      await closeHttp(this.#http);
      this.#access.close();
      throw error;
    }
    this.#sender.start();
    this.#outside.callbacks.start();
    this.#logger.info({ url: this.url, publicUrl }, "listening");
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { drainMs } = this.#config.limits;
    const deadline = Date.now() + drainMs;
    this.#draining = true;
    this.#switchboard.drain();
    this.#sessions.drain();
    this.#files.drain();
    this.#calls.drain();
    this.#live.drain();
    this.#logger.info({ calls: this.#switchboard.active, sessions: this.#sessions.active }, "draining");
    const ended = Promise.all([this.#switchboard.endAll("shutdown"), this.#sessions.endAll("shutdown")]);
    await Promise.race([ended, sleep(drainMs * (1 - DELIVERY_SHARE))]);
    clearInterval(this.#watermarks);
    this.#saveWatermarks();
    this.#calls.close();
    await Promise.race([this.#files.close(), sleep(Math.max(0, deadline - Date.now()))]);
    await Promise.all([this.#media.close(1001), this.#transcribe.close(), this.#listen.close()]);
    this.#live.close();
    const leftMs = Math.max(0, deadline - Date.now());
    await Promise.all([this.#sender.stop(leftMs), this.#outside.callbacks.stop(leftMs)]);
    this.#committer.stop();
    await closeHttp(this.#http);
    if (!this.#options.engine) await this.engine.close();
    this.#access.close();
    this.store.close();
    this.#logger.info({}, "stopped");
  }

  #createSwitchboard(): Switchboard {
    const { callLimits, onPartial } = this.#options;
    const { feed } = this.#live;
    return new Switchboard({
      config: this.#config,
      detector: this.engine.detector,
      recogniser: this.engine.recogniser,
      store: this.store,
      committer: this.#committer,
      restartStream: this.#config.twilio.api
        ? (callSid, line) => this.#telephony.restartStream(callSid, line)
        : null,
      closeStream: (callSid) => {
        this.#media.closeStream(callSid);
      },
      onPartial: (partial) => {
        feed.partial(partial);
        onPartial?.(partial);
      },
      watched: () => onPartial !== undefined || feed.watchers > 0,
      logger: this.#logger,
      counters: this.counters,
      ...(callLimits ? { callLimits } : {}),
    });
  }

  #createSessions(): Sessions {
    const { limits } = this.#config;
    return new Sessions({
      detector: this.engine.detector,
      recogniser: this.engine.recogniser,
      store: this.store,
      commit: (id, drafts) => this.#committer.commit(id, drafts),
      onPartial: (partial) => this.#live.feed.partial(partial),
      storeFailing: () => this.#committer.failure !== null,
      limits: { sessions: limits.sessions, backlogSeconds: limits.backlogSeconds },
      now: Date.now,
      logger: this.#logger,
      counters: this.counters,
    });
  }

  #health(): Health {
    const { pending, dead, oldestPendingMs } = this.#outbox();
    const { recogniser, model, devices, fallback } = this.engine;
    return {
      recognition: { model, devices: devices.map(showDevice), cards: recogniser.cards, fallback },
      calls: this.#switchboard.active,
      sessions: this.#sessions.active,
      backlogMs: this.#switchboard.backlogMs,
      outboxPending: pending,
      outboxOldestMs: oldestPendingMs,
      outboxDead: dead,
      counters: this.counters.snapshot(),
    };
  }

  #outbox(): { pending: number; dead: number; oldestPendingMs: number } {
    try {
      const { pending, dead, oldestPendingMs } = this.store.countOutbox();
      return { pending, dead, oldestPendingMs: oldestPendingMs ?? 0 };
    } catch {
      return { pending: -1, dead: -1, oldestPendingMs: -1 };
    }
  }

  #unready(): string[] {
    const reasons: string[] = [];
    if (this.#draining) reasons.push("SERVER_DRAINING");
    if (this.#committer.failure) reasons.push(this.#committer.failure.code);
    const failure = this.#probe();
    if (failure) reasons.push(failure);
    if (this.#switchboard.overloaded) reasons.push("CALL_OVERLOADED");
    return [...new Set(reasons)];
  }

  /** What the store says to a write, at most every other second: a probe is 64 kB, and anybody may ask. */
  #probe(): ErrorCode | null {
    const now = performance.now();
    if (now - this.#probed.at < PROBE_MS) return this.#probed.failure;
    try {
      this.store.probe();
      this.#probed = { at: now, failure: null };
    } catch (error) {
      this.#probed = { at: now, failure: error instanceof LinescribeError ? error.code : "STORE_FAILED" };
    }
    return this.#probed.failure;
  }

  #saveWatermarks(): void {
    try {
      this.#switchboard.saveWatermarks();
      this.#sessions.saveWatermarks();
    } catch (error) {
      this.counters.add("store.watermarksFailed");
      this.#logger.warn({ reason: messageOf(error) }, "watermarks were not stored");
    }
  }
}

function checkLanguages(config: Config, { recogniser }: Engine): void {
  const faults = [...config.lines.values()].filter(({ language }) => recogniser.language(language) === null);
  if (faults.length === 0) return;
  throw invalidConfig(
    faults.map(({ number, language }) => `numbers ${number}: the model does not know language "${language}"`),
  );
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
