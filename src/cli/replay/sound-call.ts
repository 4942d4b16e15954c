/**
 * Makes calls out of sound: WAV files, or clips with silence between them.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { encodeMulaw, MULAW_SILENCE } from "../../audio/g711.ts";
import { resample } from "../../audio/resample.ts";
import { f32ToS16 } from "../../audio/sample.ts";
import { parseWav } from "../../audio/wav.ts";
import { PHONE_RATE_HZ, PHONE_SAMPLES_PER_MS } from "../../base/time.ts";
import { TRACKS, type Track } from "../../transcript/event.ts";
import { parseRecordedCall, type RecordedCall, type RecordedMessage } from "./recorded-call.ts";

/** The carrier's packets: 20 ms. */
const PACKET_MS = 20;
const PACKET_BYTES = PACKET_MS * PHONE_SAMPLES_PER_MS;
/** Numbers that no one has. */
const FROM = "+15550100123";
const TO = "+15550100100";

export interface SoundCallOptions {
  name?: string;
  mode?: "start" | "connect";
  language?: string;
  from?: string;
  to?: string;
}

/**
 * A call of sound.
 *
 * @param sounds - mu-law at 8 kHz for `inbound` and, if there is a second, `outbound`. The shorter one is followed by
 *   silence. Kept, not copied: packets are cut when they are sent, so that a long call costs no more than its sound.
 */
export function callFromSounds(sounds: Uint8Array[], options: SoundCallOptions = {}): RecordedCall {
  if (sounds.length < 1 || sounds.length > TRACKS.length) {
    throw new RangeError(`Expected one or two tracks, got ${sounds.length}`);
  }
  const tracks = TRACKS.slice(0, sounds.length);
  const packets = Math.ceil(Math.max(...sounds.map((sound) => sound.length)) / PACKET_BYTES);
  return {
    name: options.name ?? "sound",
    mode: options.mode ?? (tracks.length > 1 ? "start" : "connect"),
    tracks,
    language: options.language ?? "en",
    from: options.from ?? FROM,
    to: options.to ?? TO,
    description: "",
    startAtMs: 0,
    endAtMs: (packets + 1) * PACKET_MS,
    ending: "stop",
    messages: { [Symbol.iterator]: () => messagesOf(sounds, tracks, packets) },
  };
}

function* messagesOf(
  sounds: Uint8Array[],
  tracks: readonly Track[],
  packets: number,
): Generator<RecordedMessage> {
  let sequence = 2;
  for (let index = 0; index < packets; index++) {
    for (const [position, track] of tracks.entries()) {
      yield {
        kind: "media",
        atMs: (index + 1) * PACKET_MS,
        sequence: sequence++,
        track,
        chunk: index + 1,
        timestampMs: index * PACKET_MS,
        payload: packetOf(sounds[position] as Uint8Array, index),
      };
    }
  }
}

function packetOf(sound: Uint8Array, index: number): string {
  const packet = sound.subarray(index * PACKET_BYTES, (index + 1) * PACKET_BYTES);
  const whole = Buffer.alloc(PACKET_BYTES, MULAW_SILENCE);
  whole.set(packet);
  return whole.toString("base64");
}

export interface ClipCall {
  call: RecordedCall;
  /** Where each clip lies, ms of stream time, in the order given. */
  clips: { startMs: number; endMs: number }[];
}

/**
 * Strings clips into one inbound track: silence of `gapMs` before, between and after them.
 *
 * @param clips - mu-law at 8 kHz.
 */
export function callFromClips(
  clips: readonly { mulaw: Uint8Array }[],
  gapMs: number,
  options: SoundCallOptions = {},
): ClipCall {
  const gap = Math.round(gapMs * PHONE_SAMPLES_PER_MS);
  const samples = clips.reduce((sum, { mulaw }) => sum + mulaw.length, gap * (clips.length + 1));
  const sound = new Uint8Array(samples).fill(MULAW_SILENCE);
  let at = gap;
  const placed = clips.map(({ mulaw }) => {
    sound.set(mulaw, at);
    const startMs = at / PHONE_SAMPLES_PER_MS;
    at += mulaw.length;
    const endMs = at / PHONE_SAMPLES_PER_MS;
    at += gap;
    return { startMs, endMs };
  });
  return { call: callFromSounds([sound], { mode: "connect", ...options }), clips: placed };
}

/** A WAV file as the phone would carry it: mono is `inbound`, stereo `inbound` and `outbound`. */
export function callFromWav(bytes: Uint8Array, options: SoundCallOptions = {}): RecordedCall {
  const { rateHz, channels } = parseWav(bytes);
  const sounds = channels.map((channel) =>
    encodeMulaw(f32ToS16(rateHz === PHONE_RATE_HZ ? channel : resample(channel, rateHz, PHONE_RATE_HZ))),
  );
  return callFromSounds(sounds, options);
}

/**
 * Loads a fixture (`.jsonl`) or a WAV file.
 *
 * @throws {LinescribeError} REPLAY_REFUSED or AUDIO_BAD_WAV when the file is neither.
 */
export async function loadRecordedCall(path: string): Promise<RecordedCall> {
  const bytes = await readFile(path);
  if (path.endsWith(".jsonl")) return parseRecordedCall(bytes.toString("utf8"));
  return callFromWav(bytes, { name: basename(path) });
}
