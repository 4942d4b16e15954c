/**
 * Which final an utterance's last sound belongs to, so that its delay can be told.
 */

/**
 * @param finals - In any order; media time in ms.
 * @param ends - Where clips on one track end, rising, ms.
 * @returns The final that each clip finished, or null: it has none, or the speaker went on within the silence that ends
 *   an utterance and so had not finished it. [ends]
 */
export function finishedFinals<T extends { startMs: number; endMs: number }>(
  finals: readonly T[],
  ends: readonly number[],
): (T | null)[] {
  const holding = ends.map((ms) => finals.find(({ startMs, endMs }) => startMs < ms && endMs >= ms) ?? null);
  return holding.map((final, index) => (final === holding[index + 1] ? null : final));
}
