/**
 * The unmodified clients of Deepgram in a program of its own, which trusts what `NODE_EXTRA_CA_CERTS` says.
 *
 * Arguments: the major, a file of raw audio, the options as JSON. Reads `DEEPGRAM_URL` and `DEEPGRAM_API_KEY`. Prints
 * `{ text, opens, errors, closes, duration }`.
 */
import { readFileSync } from "node:fs";
import { splitAt } from "../audio/split.ts";
import { connectLive, type Major } from "./deepgram-live.ts";

const [major = "5", file = "", options = "{}"] = process.argv.slice(2);
const { DEEPGRAM_URL: url = "", DEEPGRAM_API_KEY: key = "" } = process.env;

const live = await connectLive(major as Major, { url, key }, JSON.parse(options));
const { heard } = live;
if (heard.opens > 0) {
  for (const part of splitAt(readFileSync(file), [1601])) live.sendMedia(part);
  live.closeStream();
  await heard.until(() => heard.closes.length > 0);
}
const { opens, errors, closes, metadata } = heard;
console.log(JSON.stringify({ text: heard.text(), opens, errors, closes, duration: metadata?.duration }));
process.exit(0);
