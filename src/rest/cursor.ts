/**
 * Where a page begins, as clients carry it: text that means nothing to them.
 */
import * as z from "zod";

export const cursorSchema = z.string().regex(/^c[0-9a-z]{1,10}$/, "no cursor that a list gave");

export function cursorOf(before: number | null): string | null {
  return before === null ? null : `c${before.toString(36)}`;
}

/** The inverse of `cursorOf`, of what `cursorSchema` lets through. */
export function positionOf(cursor: string): number {
  return Number.parseInt(cursor.slice(1), 36);
}
