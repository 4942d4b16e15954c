/**
 * The recorded calls, with what is spoken in them and how far a replay has sent them.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { MULAW_SILENCE } from "../../src/audio/g711.ts";
import { PHONE_SAMPLES_PER_MS } from "../../src/base/time.ts";
import type { RecordedCall, RecordedMessage } from "../../src/cli/replay/recorded-call.ts";
import { loadRecordedCall } from "../../src/cli/replay/sound-call.ts";
import { TRACKS, type Track } from "../../src/transcript/event.ts";
import type { SpokenTracks } from "./oracle.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../fixtures/calls");

/** The longest packet of the recordings. */
const PACKET_MS = 20;

export interface Fixture {
  call: RecordedCall;
  spoken: SpokenTracks;
}

interface Reference {
  tracks: Partial<Record<Track, { text: string; spoken: [startMs: number, endMs: number][] }[]>>;
}

export async function loadFixture(name: string): Promise<Fixture> {
  const call = await loadRecordedCall(path.join(FOLDER, `${name}.jsonl`));
  const { tracks } = JSON.parse(
    readFileSync(path.join(FOLDER, `${name}.reference.json`), "utf8"),
  ) as Reference;
  const spoken: SpokenTracks = {};
  for (const track of TRACKS) {
    const utterances = tracks[track];
    if (utterances)
      spoken[track] = utterances.flatMap((utterance) =>
        utterance.spoken.map(([startMs, endMs]) => ({ startMs, endMs })),
      );
  }
  return { call, spoken };
}

/** The same call, which tells how far it was played: media time of the last message that was sent, ms. */
export function followed(call: RecordedCall): { call: RecordedCall; playedMs: () => number } {
  let playedMs = 0;
  function* messages(): Generator<RecordedMessage> {
    for (const message of call.messages) {
      yield message;
      // Whoever asks for the next one has sent this one.
      if (message.kind === "media") playedMs = Math.max(playedMs, message.timestampMs);
    }
  }
  return {
    call: { ...call, messages: { [Symbol.iterator]: () => messages() } },
    playedMs: () => playedMs,
  };
}

/** One track of a recording as it sounded: mu-law at 8 kHz, holes as silence. */
export function soundOf(call: RecordedCall, track: Track): Uint8Array {
  const packets = [...call.messages].flatMap((message) =>
    message.kind === "media" && message.track === track ? [message] : [],
  );
  const endMs = Math.max(0, ...packets.map(({ timestampMs }) => timestampMs)) + PACKET_MS;
  const sound = new Uint8Array(endMs * PHONE_SAMPLES_PER_MS).fill(MULAW_SILENCE);
  for (const { timestampMs, payload } of packets)
    sound.set(Buffer.from(payload, "base64"), timestampMs * PHONE_SAMPLES_PER_MS);
  return sound;
}
