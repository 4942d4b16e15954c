/**
 * Wires the API that takes files: decoder, transcriber and routes.
 */
import type { Router } from "express";
import type { Access } from "../access/access.ts";
import { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import { MediaDecoder } from "../media/decoder.ts";
import { Transcriptions } from "../openai/transcriptions.ts";
import { Transcriber } from "../recording/transcriber.ts";
import type { Config } from "./config.ts";
import type { Engine } from "./engine.ts";
import { findProgram } from "./find-program.ts";

export interface FileApiOptions {
  config: Pick<Config, "api" | "asr" | "endpointer">;
  engine: Engine;
  access: Pick<Access, "admit">;
  logger: Logger;
  counters: Counters;
}

export interface FileApi {
  readonly router: Router;
  /** No new requests from now on. */
  drain(): void;
  /** Gives up what is under way. */
  close(): void;
}

export function createFileApi({ config, engine, access, logger, counters }: FileApiOptions): FileApi {
  const { asr, api, endpointer } = config;
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
  const transcriptions = new Transcriptions({
    access,
    decoder,
    transcriber: new Transcriber({ detector, recogniser, endpointer, priority: "file", ...apart }),
    models: [asr.model],
    language: (tag) => recogniser.language(tag),
    maximumRequests: api.requests,
    maximumFileBytes: api.fileBytes,
    logger,
    counters,
  });
  return {
    router: transcriptions.router,
    drain: () => transcriptions.drain(),
    close: () => {
      transcriptions.close();
      decoder.close();
    },
  };
}
