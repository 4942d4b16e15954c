/**
 * One model for all tests of a process: loading it takes longer than most of them.
 */
import { Whisper } from "../../src/asr/whisper.ts";
import { atEnd } from "../at-end.ts";
import { MODEL } from "./clips.ts";

let loading: Promise<Whisper> | null = null;

/** Uses one core, for another test file has the next one. Not to be closed. */
export function loadedWhisper(): Promise<Whisper> {
  if (loading === null) {
    const whisper = Whisper.load({ ...MODEL, threads: 1, spin: false });
    atEnd(async () => (await whisper).close());
    loading = whisper;
  }
  return loading;
}
