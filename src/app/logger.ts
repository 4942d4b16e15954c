/**
 * The logger of the running program: JSON lines by pino.
 */
import { type DestinationStream, pino } from "pino";
import type { Logger } from "../base/log.ts";

export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination ? pino(options, destination) : pino(options);
}
