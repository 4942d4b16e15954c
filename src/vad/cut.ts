/**
 * Where an utterance that never pauses is cut.
 */

/**
 * Finds the middle of the longest run of frames below `offsetThreshold`, of equal runs the later; where there is
 * none, the middle of the frame with the lowest probability.
 *
 * @param probabilities - Speech probabilities of consecutive frames. [n >= 1]
 * @param from - First frame that may be cut, 0 <= from < n.
 * @returns Frames before the cut, a multiple of one half in (from, n).
 */
export function findCut(probabilities: readonly number[], from: number, offsetThreshold: number): number {
  let bestLength = 0;
  let best = from + 0.5;
  let lowest = Number.POSITIVE_INFINITY;
  let length = 0;
  for (let frame = from; frame < probabilities.length; frame += 1) {
    const probability = probabilities[frame] as number;
    length = probability < offsetThreshold ? length + 1 : 0;
    if (length > 0 && length >= bestLength) {
      bestLength = length;
      best = frame + 1 - length / 2;
    } else if (bestLength === 0 && probability <= lowest) {
      lowest = probability;
      best = frame + 0.5;
    }
  }
  return best;
}
