/** A sine of amplitude `amplitude`, phase 0 at sample 0. */
export function tone(hz: number, rateHz: number, samples: number, amplitude = 0.5): Float32Array {
  return Float32Array.from(
    { length: samples },
    (_, index) => amplitude * Math.sin((2 * Math.PI * hz * index) / rateHz),
  );
}

interface Component {
  re: number;
  im: number;
}

/** Fits the component at `hz` to the middle half of the audio, under a Hann window. */
function fit(f32: Float32Array, hz: number, rateHz: number): Component {
  const start = Math.floor(f32.length / 4);
  const length = Math.floor(f32.length / 2);
  let re = 0;
  let im = 0;
  let weight = 0;
  for (let index = 0; index < length; index++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / length);
    const angle = (2 * Math.PI * hz * (start + index)) / rateHz;
    re += window * (f32[start + index] as number) * Math.cos(angle);
    im += window * (f32[start + index] as number) * Math.sin(angle);
    weight += window;
  }
  return { re: (2 * re) / weight, im: (2 * im) / weight };
}

/** Amplitude of the component at `hz`. */
export function amplitudeAt(f32: Float32Array, hz: number, rateHz: number): number {
  const { re, im } = fit(f32, hz, rateHz);
  return Math.hypot(re, im);
}

/** All that is not the component at `hz`, relative to it. */
export function restDb(f32: Float32Array, hz: number, rateHz: number): number {
  const { re, im } = fit(f32, hz, rateHz);
  const rest = f32.map((sample, index) => {
    const angle = (2 * Math.PI * hz * index) / rateHz;
    return sample - re * Math.cos(angle) - im * Math.sin(angle);
  });
  return toDb((rms(rest) * Math.SQRT2) / Math.hypot(re, im));
}

/** Root mean square over the middle half. */
export function rms(f32: Float32Array): number {
  const middle = f32.subarray(Math.floor(f32.length / 4), Math.floor((3 * f32.length) / 4));
  return Math.sqrt(middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length);
}

export function toDb(ratio: number): number {
  return 20 * Math.log10(ratio);
}
