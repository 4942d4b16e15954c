import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";
import { LinescribeError } from "../../src/base/error.ts";
import { ADMITTED, startApi, toneFile, until } from "./rig.ts";

const PATH = "/v1/audio/transcriptions";
const tone = () => toneFile(2000, [[500, 1500]]);

function formOf(more: Record<string, string | File> = {}): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries({ file: tone(), model: "whisper-1", ...more }))
    form.append(name, value);
  return form;
}

async function post(url: string, body: string | FormData, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}${PATH}`, { method: "POST", body, headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as ErrorBody };
}

interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}

const MULTIPART = { "content-type": "multipart/form-data; boundary=b" };
const part = (headers: string, body = "x") => `--b\r\n${headers}\r\n\r\n${body}\r\n`;
const FILE_PART = part('content-disposition: form-data; name="file"; filename="a.wav"');

const MALFORMED: [
  name: string,
  body: string,
  headers: Record<string, string>,
  status: number,
  code: string,
][] = [
  ["JSON", "{}", { "content-type": "application/json" }, 415, "REQUEST_UNSUPPORTED_TYPE"],
  ["a form without a boundary", "x", { "content-type": "multipart/form-data" }, 400, "REQUEST_MALFORMED"],
  ["an empty form", "--b--\r\n", MULTIPART, 400, "REQUEST_MALFORMED"],
  ["a body that is no form", "hello", MULTIPART, 400, "REQUEST_MALFORMED"],
  ["no body", "", MULTIPART, 400, "REQUEST_MALFORMED"],
  ["a form that ends in its file", FILE_PART, MULTIPART, 400, "REQUEST_MALFORMED"],
  [
    "a form that ends in a field",
    `${FILE_PART}${part('content-disposition: form-data; name="model"')}`.slice(0, -3),
    MULTIPART,
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "a part without a name",
    `${part("content-disposition: form-data")}--b--`,
    MULTIPART,
    400,
    "REQUEST_MALFORMED",
  ],
  ["a part without a header", `${part("x-nothing: 1")}--b--`, MULTIPART, 400, "REQUEST_MALFORMED"],
  [
    "two files",
    // The option is refused first if the second file goes unnoticed.
    `${FILE_PART}${FILE_PART}${part('content-disposition: form-data; name="x"')}--b--`,
    MULTIPART,
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "a file in another field",
    `${part('content-disposition: form-data; name="audio"; filename="a.wav"')}--b--`,
    MULTIPART,
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "a field of 200 kB",
    `${part('content-disposition: form-data; name="prompt"', "x".repeat(200_000))}--b--`,
    MULTIPART,
    413,
    "REQUEST_TOO_LARGE",
  ],
  [
    "a hundred fields",
    `${part('content-disposition: form-data; name="language"', "en").repeat(100)}--b--`,
    MULTIPART,
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "a model that is named twice",
    `${FILE_PART}${part('content-disposition: form-data; name="model"', "whisper-1").repeat(2)}--b--`,
    MULTIPART,
    400,
    "REQUEST_UNSUPPORTED_OPTION",
  ],
];

test("bodies that cannot be are refused by name, and the next request is served", async (t) => {
  const { url, released } = await startApi(t);
  for (const [name, body, headers, status, code] of MALFORMED) {
    const answer = await post(url, body, headers);
    assert.deepEqual([answer.status, answer.body.error?.code], [status, code], name);
    assert.equal(answer.body.error.type, "invalid_request_error", name);
  }
  assert.equal(released(), MALFORMED.length);
  assert.equal((await post(url, formOf())).status, 200);
});

test("a client that hangs up in the middle of its upload leaves nothing behind", async (t) => {
  const { url, counters, released } = await startApi(t, { maximumRequests: 1 });
  for (let time = 0; time < 3; time++) {
    const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(
      `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\nContent-Type: ${MULTIPART["content-type"]}\r\n\r\n${FILE_PART.slice(0, -10)}`,
    );
    await until(() => counters.get("api.transcriptions.added") === time + 1);
    socket.destroy();
    await until(() => released() === time + 1);
  }
  assert.equal((await post(url, formOf())).status, 200);
});

test("an upload that stands still, or takes too long, is answered with 408", async (t) => {
  for (const [limits, code] of [
    [{ idleMs: 100, totalMs: 60_000 }, "REQUEST_TIMEOUT"],
    [{ idleMs: 60_000, totalMs: 150 }, "REQUEST_TIMEOUT"],
  ] as const) {
    const { url } = await startApi(t, { upload: limits });
    const request = http.request(`${url}${PATH}`, {
      method: "POST",
      headers: { ...MULTIPART, "content-length": 5000 },
    });
    request.write(FILE_PART.slice(0, -10));
    const response = await new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
    assert.equal(response.statusCode, 408);
    assert.equal(response.headers.connection, "close");
    let text = "";
    response.on("data", (chunk) => {
      text += chunk;
    });
    // The answer's end comes when the rest of the body was waited for; its content is there at once.
    await until(() => text.endsWith("}"));
    assert.equal((JSON.parse(text) as ErrorBody).error.code, code);
    request.destroy();
  }
});

test("a slow upload that goes on is not too slow", async (t) => {
  const { url } = await startApi(t, { upload: { idleMs: 400, totalMs: 60_000 } });
  const whole = new Uint8Array(await new Response(formOf()).arrayBuffer());
  const boundary = Buffer.from(whole.subarray(2, 60)).toString("latin1").split("\r\n")[0];
  const request = http.request(`${url}${PATH}`, {
    method: "POST",
    headers: { "content-type": `multipart/form-data; boundary=${boundary}`, "content-length": whole.length },
  });
  const answered = new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
  const step = Math.ceil(whole.length / 8);
  for (let at = 0; at < whole.length; at += step) {
    request.write(whole.subarray(at, at + step));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  request.end();
  assert.equal((await answered).statusCode, 200);
});

test("a file whose length is stated too large is refused before it comes, one that is not when it is", async (t) => {
  const { url } = await startApi(t, { maximumFileBytes: 2000 });
  const stated = await post(url, "x".repeat(1_100_000), MULTIPART);
  assert.deepEqual([stated.status, stated.body.error.code], [413, "REQUEST_TOO_LARGE"]);
  const found = await post(url, formOf());
  assert.deepEqual([found.status, found.body.error.param], [413, "file"]);
});

test("one request more than may be at once is refused, and may come again", async (t) => {
  const { url, recogniser, counters } = await startApi(t, { maximumRequests: 2 });
  recogniser.holding = true;
  const running = [post(url, formOf()), post(url, formOf())];
  await until(() => recogniser.asked.length === 2);
  const refused = await post(url, formOf());
  assert.deepEqual([refused.status, refused.body.error.code], [503, "REQUEST_OVERLOADED"]);
  assert.equal(refused.body.error.type, "server_error");
  assert.equal(refused.headers.get("retry-after"), "5");
  assert.equal(counters.get("api.transcriptions.refused"), 1);
  for (const { resolve } of recogniser.asked) resolve();
  assert.deepEqual(
    (await Promise.all(running)).map(({ status }) => status),
    [200, 200],
  );
  recogniser.holding = false;
  assert.equal((await post(url, formOf())).status, 200);
});

test("who is not let in gets what access says, and nothing of the body is read", async (t) => {
  const { url } = await startApi(t, {
    access: {
      admit: async () => ({
        ok: false,
        status: 429,
        code: "ACCESS_TOO_OFTEN",
        message: "Too many requests",
        retryAfterSeconds: 17,
      }),
    },
  });
  const { status, headers, body } = await post(url, formOf());
  assert.equal(status, 429);
  assert.equal(headers.get("retry-after"), "17");
  assert.deepEqual(body.error, {
    message: "Too many requests",
    type: "rate_limit_error",
    param: null,
    code: "ACCESS_TOO_OFTEN",
  });
});

test("a request ends with the time that access gives it", async (t) => {
  const { url, recogniser } = await startApi(t, {
    access: { admit: async () => ({ ...ADMITTED, maximumSessionMs: 300 }) },
  });
  recogniser.holding = true;
  const { status, body } = await post(url, formOf());
  assert.deepEqual([status, body.error.code], [408, "REQUEST_TIMEOUT"]);
});

test("a request ends when its key is revoked", async (t) => {
  const control = new AbortController();
  const access = { admit: async () => ({ ...ADMITTED, signal: control.signal }) };
  const { url, recogniser } = await startApi(t, { access });
  recogniser.holding = true;
  const running = post(url, formOf());
  await until(() => recogniser.asked.length === 1);
  control.abort(new LinescribeError("ACCESS_KEY_REVOKED", "The key is revoked"));
  const { status, body } = await running;
  assert.deepEqual([status, body.error.code], [401, "ACCESS_KEY_REVOKED"]);
});

test("a server that drains takes no new files, and when it closes those under way are told", async (t) => {
  const { url, api, recogniser } = await startApi(t);
  recogniser.holding = true;
  const running = post(url, formOf());
  await until(() => recogniser.asked.length === 1);
  api.drain();
  const late = await post(url, formOf());
  assert.deepEqual([late.status, late.body.error.code], [503, "SERVER_DRAINING"]);
  api.close();
  const { status, body } = await running;
  assert.deepEqual([status, body.error.code], [503, "SERVER_DRAINING"]);
});

test("a fault of ours is a 500 that tells nothing of the inside", async (t) => {
  const { url } = await startApi(t, {
    decoder: {
      decode: async () => {
        throw new TypeError("secret");
      },
    },
  });
  const { status, body } = await post(url, formOf());
  assert.deepEqual([status, body.error.code, body.error.type], [500, "REQUEST_FAILED", "server_error"]);
  assert.doesNotMatch(JSON.stringify(body), /secret/);
});
