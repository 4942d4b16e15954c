/**
 * The unmodified `openai` client in a program of its own, which trusts what `NODE_EXTRA_CA_CERTS` says.
 *
 * Reads `OPENAI_BASE_URL` and `OPENAI_API_KEY` as the client does. Argument: a file, or a number of bytes of nothing.
 * Prints `{ text, deltas }` or `{ status, code, message }`.
 */
import { createReadStream } from "node:fs";
import OpenAI, { APIError } from "openai";

const [what = ""] = process.argv.slice(2);
const client = new OpenAI({ maxRetries: 0 });
const common = { model: "whisper-1", language: "en" } as const;

try {
  if (/^\d+$/.test(what)) {
    const file = new File([new Uint8Array(Number(what))], "large.wav");
    await client.audio.transcriptions.create({ ...common, file });
  }
  const { text } = await client.audio.transcriptions.create({ ...common, file: createReadStream(what) });
  const deltas: string[] = [];
  const events = await client.audio.transcriptions.create({
    ...common,
    file: createReadStream(what),
    stream: true,
  });
  for await (const event of events) if (event.type === "transcript.text.delta") deltas.push(event.delta);
  console.log(JSON.stringify({ text, deltas }));
} catch (error) {
  if (!(error instanceof APIError)) throw error;
  console.log(JSON.stringify({ status: error.status, code: error.code, message: error.message }));
}
