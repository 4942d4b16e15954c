/**
 * Wires the APIs that take files: decoder, transcriber and routes.
 */
import type { Router } from "express";
import type { Access } from "../access/access.ts";
import { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import { ListenFiles } from "../deepgram/listen-files.ts";
import { Places } from "../http/places.ts";
import { MediaDecoder } from "../media/decoder.ts";
import { Transcriptions } from "../openai/transcriptions.ts";
import { Transcriber } from "../recording/transcriber.ts";
import type { Config } from "./config.ts";
import type { Engine } from "./engine.ts";
import { findProgram } from "./find-program.ts";
import type { Outside } from "./outside.ts";

export interface FileApiOptions {
  config: Pick<Config, "api" | "endpointer">;
  engine: Engine;
  access: Pick<Access, "admit" | "allowsOrigin">;
  outside: Outside;
  logger: Logger;
  counters: Counters;
}

export interface FileApi {
  readonly routers: readonly Router[];
  /** No new requests from now on. */
  drain(): void;
  /** Gives up what is under way; resolves when everybody is told, or will be by a callback. */
  close(): Promise<void>;
}

export function createFileApi(options: FileApiOptions): FileApi {
  const { config, engine, access, outside, logger, counters } = options;
  const { api, endpointer } = config;
  const { recogniser, detector } = engine;
  const limits = {
    maximumBytes: api.fileBytes,
    maximumDurationMs: Math.round(api.fileMinutes * 60_000),
  };
  const ffmpeg = api.ffmpeg === "auto" ? findProgram("ffmpeg") : null;
  logger.info({ ffmpeg }, ffmpeg ? "ffmpeg decodes MP4 and AAC" : "no ffmpeg: MP4 and AAC files are refused");
  const decoder = new MediaDecoder({ counters, limits, ffmpeg });
  // What files say is no call's: their finals and gaps are counted apart.
  const apart = { logger, counters: new Counters() };
  const shared = {
    access,
    decoder,
    transcriber: new Transcriber({ detector, recogniser, endpointer, priority: "file", ...apart }),
    language: (tag: string) => recogniser.language(tag),
    maximumRequests: api.requests,
    places: new Places("api.files", api.requests, counters),
    maximumFileBytes: api.fileBytes,
    logger,
    counters,
  };
  const transcriptions = new Transcriptions({ ...shared, models: [engine.model] });
  const listen = new ListenFiles({ ...shared, ...outside, model: engine.model });
  return {
    routers: [transcriptions.router, listen.router],
    drain: () => {
      transcriptions.drain();
      listen.drain();
    },
    close: async () => {
      transcriptions.close();
      const told = listen.close();
      decoder.close();
      await told;
    },
  };
}
