/**
 * Converts samples between 16-bit integers and floats; full scale is 32768 on both sides.
 */

/** One more than the largest 16-bit sample; Whisper and Silero were trained on s16 / 32768. */
const FULL_SCALE = 32768;

/** 16-bit samples as floats in [-1, 1). [n] -> new memory [n] */
export function s16ToF32(s16: Int16Array): Float32Array {
  const f32 = new Float32Array(s16.length);
  for (let index = 0; index < s16.length; index++) f32[index] = (s16[index] as number) / FULL_SCALE;
  return f32;
}

/** Floats as 16-bit samples, rounded to the nearest and clamped; NaN becomes 0. [n] -> new memory [n] */
export function f32ToS16(f32: Float32Array): Int16Array {
  const s16 = new Int16Array(f32.length);
  for (let index = 0; index < f32.length; index++) {
    const scaled = Math.round((f32[index] as number) * FULL_SCALE);
    s16[index] = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, scaled));
  }
  return s16;
}
