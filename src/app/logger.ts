/**
 * The logger of the running program: JSON lines by pino.
 */
import { type DestinationStream, pino } from "pino";
import type { Logger } from "../base/log.ts";

/**
 * @param destination - Where the lines go; standard output if absent. That one is written to at once instead of by a
 *   thread of pino's: the last line before a process kills itself is the one that is looked for.
 */
export function createLogger(
  level: string,
  destination: DestinationStream = pino.destination({ sync: true }),
): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, destination);
}
