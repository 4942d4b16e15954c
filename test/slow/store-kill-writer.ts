/**
 * The victim of `store-kill.test.ts`: commits for ever and says on stdout what it has committed, one line a commit.
 */
import { writeSync } from "node:fs";
import { openStore } from "../../src/store/store.ts";
import { final, gap, sampleCall } from "../store/sample.ts";

const [file = "", firstUtterance = "1"] = process.argv.slice(2);
const store = openStore({ path: file, exclusive: true });
for (let call = 0; call < 4; call += 1) store.openCall(sampleCall(`CA${call}`));
for (let utterance = Number(firstUtterance); ; utterance += 1) {
  const callSid = `CA${utterance % 4}`;
  const drafts = [final(utterance), gap(utterance, utterance * 1000 + 500, utterance * 1000 + 600)];
  const events = store.commit(callSid, drafts);
  store.saveWatermarks([
    { callSid, track: "inbound", mediaMs: utterance * 1000, settledMs: utterance * 1000 },
  ]);
  // Written before anything else happens: what is read from the pipe was committed before it.
  writeSync(1, `${JSON.stringify(events)}\n`);
}
