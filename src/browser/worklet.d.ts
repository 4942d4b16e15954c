/**
 * What an audio worklet sees; TypeScript's library does not have it.
 */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new (
    options: AudioWorkletNodeOptions,
  ) => AudioWorkletProcessor & {
    process(inputs: Float32Array[][]): boolean;
  },
): void;
/** Samples per second of the context. */
declare const sampleRate: number;
