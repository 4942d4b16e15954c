import { test } from "node:test";
import { clipsIn } from "../asr/clips.ts";
import { assertWordsBesideJoins } from "../asr/joined-clips.ts";
import { loadedWhisper } from "../asr/loaded-whisper.ts";

test("the words beside the joins of long clips lie where they are", { timeout: 120_000 }, async () => {
  await assertWordsBesideJoins(await loadedWhisper(), clipsIn("en").slice(-8));
});
