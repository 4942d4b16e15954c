/**
 * Changes the rate of a stream of samples to 16 kHz, the same however the stream is split.
 */
import { MODEL_RATE_HZ } from "../base/time.ts";
import { PolyphaseFilter } from "./polyphase.ts";
import { Upsampler } from "./upsampler.ts";

/** Rates that live audio may come in. */
export const STREAM_RATES_HZ = [8000, 16_000, 24_000, 44_100, 48_000] as const;
export type StreamRateHz = (typeof STREAM_RATES_HZ)[number];

export interface RateConverter {
  /** Takes the next samples; returns those at 16 kHz that are settled now. What is returned may be what was given. */
  push(f32: Float32Array): Float32Array;
  /** Returns the rest, so that as much time came out as went in, and starts anew. */
  flush(): Float32Array;
}

/**
 * Time-aligned at the first sample; before it and after the last there is silence. 8 kHz takes the filter of the phone
 * path, so that the same audio sounds the same on either; 16 kHz is passed on.
 */
export function createRateConverter(fromHz: StreamRateHz): RateConverter {
  if (fromHz === MODEL_RATE_HZ) return { push: (f32) => f32, flush: () => new Float32Array(0) };
  return fromHz === 8000 ? new Upsampler() : new PolyphaseFilter(fromHz, MODEL_RATE_HZ);
}
