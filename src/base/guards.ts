/**
 * Guards for what our own code hands over: `TypeError` for a wrong type, `RangeError` for a wrong value.
 */

/** Returns `value` when it is an integer in [minimum, maximum]. */
export function expectInteger(
  name: string,
  value: number,
  minimum: number,
  maximum = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== "number")
    throw new TypeError(`Expected "${name}" to be a number, got ${typeof value}`);
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new RangeError(`Expected "${name}" to be an integer in [${minimum}, ${maximum}], got ${value}`);
  }
  return value;
}

/** Returns `value` when it is a finite number in [minimum, maximum]. */
export function expectNumber(name: string, value: number, minimum: number, maximum: number): number {
  if (typeof value !== "number")
    throw new TypeError(`Expected "${name}" to be a number, got ${typeof value}`);
  if (!Number.isFinite(value) || value < minimum || value > maximum) {
    throw new RangeError(`Expected "${name}" to be a number in [${minimum}, ${maximum}], got ${value}`);
  }
  return value;
}
