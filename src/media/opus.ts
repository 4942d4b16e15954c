/**
 * Opus packets (RFC 6716) to sound of 16 kHz, whatever container they come in.
 *
 * Identification header, "OpusHead" (RFC 7845, 5.1):
 *
 *     0           8        9         10        12      16           18      19
 *     "OpusHead"  version  channels  pre-skip  (rate)  output gain  family  [streams, coupled, mapping ..]
 */
import { OpusDecoder } from "opus-decoder";
import { MODEL_RATE_HZ } from "../base/time.ts";
import { type Block, malformed, unsupported } from "./block.ts";
import { MAXIMUM_CHANNELS } from "./limits.ts";

/** Positions and pre-skip count at this rate, whatever was recorded. */
export const OPUS_RATE_HZ = 48_000;
/** Input samples of 48 kHz for one of ours. */
const RATIO = OPUS_RATE_HZ / MODEL_RATE_HZ;
const MAGIC = "OpusHead";
/** The longest packet, 120 ms at 16 kHz (RFC 6716, 3.2.5). */
const PACKET_MAXIMUM_SAMPLES = 1920;

export interface OpusHead {
  channels: number;
  /** Samples of 48 kHz to leave out at the beginning. */
  preSkip: number;
  /** Factor of the loudness. */
  gain: number;
  streams: number;
  coupled: number;
  mapping: number[];
}

export function isOpusHead(packet: Uint8Array): boolean {
  return Buffer.from(packet.subarray(0, MAGIC.length)).toString("latin1") === MAGIC;
}

/** @throws {LinescribeError} `MEDIA_MALFORMED`, or `MEDIA_UNSUPPORTED` for more than 8 channels or another version. */
export function parseOpusHead(packet: Uint8Array): OpusHead {
  if (packet.length < 19 || !isOpusHead(packet)) throw malformed("Expected an Opus header");
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const channels = packet[9] as number;
  const family = packet[18] as number;
  if (((packet[8] as number) & 0xf0) !== 0)
    throw unsupported("The Opus stream is of a version that is not known");
  if (channels < 1 || channels > MAXIMUM_CHANNELS) {
    throw unsupported(`Expected 1 to ${MAXIMUM_CHANNELS} channels of Opus, got ${channels}`);
  }
  const common = {
    channels,
    preSkip: view.getUint16(10, true),
    gain: 10 ** (view.getInt16(16, true) / (20 * 256)),
  };
  if (family === 0) {
    if (channels > 2) throw malformed(`Expected 1 or 2 channels of Opus without a mapping, got ${channels}`);
    return { ...common, streams: 1, coupled: channels - 1, mapping: [0, 1].slice(0, channels) };
  }
  return { ...common, ...parseMapping(packet, channels) };
}

function parseMapping(
  packet: Uint8Array,
  channels: number,
): Pick<OpusHead, "streams" | "coupled" | "mapping"> {
  const [streams = 0, coupled = 0] = packet.subarray(19, 21);
  const mapping = [...packet.subarray(21, 21 + channels)];
  const known = mapping.length === channels && mapping.every((to) => to === 255 || to < streams + coupled);
  if (streams < 1 || coupled > streams || streams + coupled > MAXIMUM_CHANNELS || !known) {
    throw malformed("The Opus stream maps its channels to streams that it does not have");
  }
  return { streams, coupled, mapping };
}

/** Decodes the packets of one stream; its blocks are of 16 kHz. */
export class OpusStream {
  readonly #head: OpusHead;
  readonly #decoder: OpusDecoder<16000>;
  /** Samples of 16 kHz to leave out still. */
  #skip: number;
  /** Of the last packet: a damaged one is silence as long, so that times stay right. */
  #packetSamples = 0;
  #samples = 0;

  private constructor(head: OpusHead) {
    this.#head = head;
    this.#skip = Math.round(head.preSkip / RATIO);
    this.#decoder = new OpusDecoder({
      sampleRate: MODEL_RATE_HZ,
      channels: head.channels,
      streamCount: head.streams,
      coupledStreamCount: head.coupled,
      channelMappingTable: head.mapping,
    });
  }

  static async open(head: OpusHead): Promise<OpusStream> {
    const stream = new OpusStream(head);
    await stream.#decoder.ready;
    return stream;
  }

  close(): void {
    this.#decoder.free();
  }

  /** Samples of 16 kHz decoded so far, those left out at the beginning included. */
  get samples(): number {
    return this.#samples;
  }

  /**
   * @param maximum - Samples of 16 kHz that the packet may have; the end of a stream may lie inside its last packet.
   * @returns Null when nothing of the packet is to be heard.
   */
  decode(packet: Uint8Array, maximum = Number.POSITIVE_INFINITY): Block | null {
    const { channels, samples } = this.#decode(packet);
    this.#samples += samples;
    const end = Math.max(0, Math.min(samples, Math.floor(maximum)));
    const start = Math.min(end, this.#skip);
    this.#skip -= Math.min(samples, this.#skip);
    if (start >= end) return null;
    const { gain } = this.#head;
    const heard = channels.map((channel) => channel.subarray(start, end));
    return {
      rateHz: MODEL_RATE_HZ,
      channels: gain === 1 ? heard : heard.map((channel) => channel.map((sample) => sample * gain)),
    };
  }

  #decode(packet: Uint8Array): { channels: Float32Array[]; samples: number } {
    const { channelData, samplesDecoded } = this.#decoder.decodeFrame(packet);
    if (samplesDecoded > 0 && samplesDecoded <= PACKET_MAXIMUM_SAMPLES) {
      this.#packetSamples = samplesDecoded;
      // The decoder makes two channels of one.
      return { channels: channelData.slice(0, this.#head.channels), samples: samplesDecoded };
    }
    const silence = new Float32Array(this.#packetSamples);
    return { channels: [silence], samples: this.#packetSamples };
  }
}
