/**
 * Times as captions write them.
 */

/** `01:02:03,004`; hours have as many digits as they need, two at least. */
export function clockOf(ms: number, separator: "," | "."): string {
  const pad = (value: number, digits: number): string => String(Math.floor(value)).padStart(digits, "0");
  const whole = Math.max(0, Math.round(ms));
  const [hours, minutes, seconds] = [whole / 3_600_000, (whole / 60_000) % 60, (whole / 1000) % 60];
  return `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}${separator}${pad(whole % 1000, 3)}`;
}
