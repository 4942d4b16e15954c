/** Cuts `audio` into parts of the sizes given, over and over; sizes of 0 give empty parts. */
export function splitAt<T extends Float32Array | Uint8Array>(audio: T, sizes: number[]): T[] {
  const cycle = sizes.some((size) => size > 0) ? sizes : [...sizes, 1];
  const parts: T[] = [];
  for (let start = 0, turn = 0; start < audio.length; turn++) {
    const size = cycle[turn % cycle.length] as number;
    parts.push(audio.subarray(start, start + size) as T);
    start += size;
  }
  return parts;
}

/** Joins arrays of samples. */
export function join(parts: Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
