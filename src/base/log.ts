/**
 * The logger that rooms are handed. Shaped like pino, so that pino is one; tests hand in an array.
 * Spoken words, DTMF digits, tokens and full phone numbers never go into a log: see `maskNumber`.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: Record<string, unknown>): Logger;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

/** `+15550101234` as `*******1234`: at most the last four characters stay readable, and never more than half. */
export function maskNumber(number: string): string {
  const shown = Math.min(4, Math.floor(number.length / 2));
  return "*".repeat(number.length - shown) + number.slice(number.length - shown);
}
