/**
 * Arrays of numbers one behind the other in new memory.
 */
interface Filled extends ArrayLike<number> {
  set(source: ArrayLike<number>, offset: number): void;
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  return fill(new Uint8Array(lengthOf(parts)), parts);
}

export function joinS16(parts: readonly Int16Array[]): Int16Array {
  return fill(new Int16Array(lengthOf(parts)), parts);
}

export function joinF32(parts: readonly Float32Array[]): Float32Array {
  return fill(new Float32Array(lengthOf(parts)), parts);
}

function lengthOf(parts: readonly ArrayLike<number>[]): number {
  return parts.reduce((total, { length }) => total + length, 0);
}

function fill<T extends Filled>(whole: T, parts: readonly ArrayLike<number>[]): T {
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
