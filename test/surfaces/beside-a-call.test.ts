/**
 * What others do wrong on every surface, while a call goes on: each has its documented error, and the call its words.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { type Rig, startRig } from "../e2e/rig.ts";
import { Client } from "../sockets/rig.ts";

const CALL = "greeting-connect";
const HUGE = new Uint8Array(100 * 1024 * 1024);

async function wordsOf(rig: Rig, speed: number | "max"): Promise<string[]> {
  const { callSid, errors } = await rig.replay(CALL, { speed });
  assert.deepEqual(errors, []);
  const arrivals = await rig.receiver.ended(callSid);
  return arrivals.flatMap(({ event }) => (event.type === "transcript.final" ? [event.text] : []));
}

/** How a socket ends into which something was sent. */
async function closeOf(url: string, sent: string | Uint8Array): Promise<number> {
  const client = new Client(url);
  await once(client.socket, "open");
  client.socket.send(sent);
  return (await client.closed).code;
}

/** With what status and code an upgrade is refused. */
async function refusalOf(url: string): Promise<[number, string]> {
  const socket = new WebSocket(url);
  socket.on("error", () => {});
  const [, response] = await once(socket, "unexpected-response");
  let body = "";
  for await (const chunk of response) body += chunk;
  const { code, err_code } = JSON.parse(body);
  return [response.statusCode, code ?? err_code];
}

async function postOf(url: string, body: string | Uint8Array, type: string): Promise<[number, string]> {
  const response = await fetch(url, { method: "POST", body, headers: { "content-type": type } });
  const { err_code, error } = (await response.json()) as { err_code?: string; error?: { code: string } };
  return [response.status, err_code ?? error?.code ?? ""];
}

test("bad input on every surface has its documented error and changes no word of a live call", async (t) => {
  const rig = await startRig();
  t.after(() => rig.close());
  const alone = await wordsOf(rig, "max");
  assert.ok(alone.length > 0);
  const { url } = rig.server;
  const [pcm, listen] = ["/ws/transcribe", "/v1/listen"].map((path) => `${url.replace("http", "ws")}${path}`);
  const call = wordsOf(rig, 1);
  const linear = `${listen}?encoding=linear16&sample_rate=16000`;
  const inside = JSON.stringify({ url: "http://169.254.169.254/latest/meta-data" });
  const json = "application/json";
  const found = {
    "a frame of 100 MB": [await closeOf(pcm as string, HUGE), await closeOf(linear, HUGE)],
    "text where sound is due": [await closeOf(pcm as string, "hello"), await closeOf(linear, "hello")],
    "no numbers": await closeOf(pcm as string, new Uint8Array(4000).fill(0xff)),
    "wrong encodings": [
      await refusalOf(`${pcm}?encoding=opus`),
      await refusalOf(`${listen}?encoding=g729&sample_rate=8000`),
    ],
    "unknown options": [await refusalOf(`${pcm}?colour=red`), await refusalOf(`${linear}&colour=red`)],
    "a file that is none": await postOf(`${url}/v1/listen`, "hello", "audio/wav"),
    "a form that is none": await postOf(`${url}/v1/audio/transcriptions`, "hello", json),
    "a URL that leads inside": await postOf(`${url}/v1/listen`, inside, json),
    "a callback that leads inside": await postOf(
      `${url}/v1/listen?callback=http://10.0.0.1/`,
      Uint8Array.of(1),
      "audio/wav",
    ),
  };
  assert.deepEqual(found, {
    "a frame of 100 MB": [1009, 1009],
    "text where sound is due": [1003, 1008],
    "no numbers": 1007,
    "wrong encodings": [
      [400, "SOCKET_BAD_QUERY"],
      [400, "INVALID_QUERY_PARAMETER"],
    ],
    "unknown options": [
      [400, "SOCKET_BAD_QUERY"],
      [400, "INVALID_QUERY_PARAMETER"],
    ],
    "a file that is none": [415, "UNSUPPORTED_MEDIA_TYPE"],
    "a form that is none": [415, "REQUEST_UNSUPPORTED_TYPE"],
    "a URL that leads inside": [400, "REMOTE_CONTENT_ERROR"],
    "a callback that leads inside": [400, "REMOTE_CONTENT_ERROR"],
  });
  // A sample that is cut off costs what was said nothing, and is told.
  const odd = new Client(`${pcm}?encoding=s16`);
  await once(odd.socket, "open");
  odd.socket.send(new Uint8Array(3201));
  assert.equal((await odd.finish()).code, 1007);
  assert.deepEqual(await call, alone);
});
