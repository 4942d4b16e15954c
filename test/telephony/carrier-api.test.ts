import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "node:test";
import { Counters } from "../../src/base/counters.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { CarrierApi, type CarrierApiOptions } from "../../src/telephony/carrier-api.ts";
import {
  ACCOUNT,
  Bench,
  CALL,
  connected,
  entryOf,
  networkTest,
  STREAM,
  startMessage,
  tokenOf,
} from "./support.ts";

interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  form: Record<string, string>;
}
type Answer = { status: number; body?: string; headers?: Record<string, string> } | "hang" | "reset";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** The carrier's REST API on port 0; answers are given in order, the last one for ever. */
async function standIn(...answers: Answer[]) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const { method, url, headers } = request;
      const answer = answers[Math.min(seen.length, answers.length - 1)] as Answer;
      seen.push({ method, url, headers, form: Object.fromEntries(new URLSearchParams(body)) });
      if (answer === "hang") return;
      if (answer === "reset") request.socket.resetAndDestroy();
      else response.writeHead(answer.status, answer.headers).end(answer.body ?? "");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { seen, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function apiOf(baseUrl: string, overrides: Partial<CarrierApiOptions> = {}) {
  const waits: number[] = [];
  const counters = new Counters();
  const api = new CarrierApi({
    accountSid: ACCOUNT,
    username: "SKkey",
    password: "secret",
    baseUrl,
    counters,
    wait: async (ms) => void waits.push(ms),
    ...overrides,
  });
  return { api, waits, counters };
}

const created: Answer = { status: 201, body: JSON.stringify({ sid: STREAM, status: "in-progress" }) };
const stream = {
  callSid: CALL,
  url: "wss://calls.example.com/twilio/media",
  name: "linescribe-x-1",
  tracks: ["inbound", "outbound"] as const,
  statusCallback: "https://calls.example.com/twilio/stream",
  parameters: { who: "a&b", token: "1.1.abc" },
};

function isFailure(retryable: boolean, message: RegExp) {
  return (error: unknown) =>
    error instanceof LinescribeError &&
    error.code === "CARRIER_API_FAILED" &&
    error.retryable === retryable &&
    message.test(error.message);
}

networkTest("a stream is asked for as the carrier's documentation says", async () => {
  const { seen, baseUrl } = await standIn(created);
  assert.equal(await apiOf(baseUrl).api.startStream(stream), STREAM);
  assert.equal(seen.length, 1);
  const [{ method, url, headers, form } = {} as Seen] = seen;
  assert.equal(`${method} ${url}`, `POST /2010-04-01/Accounts/${ACCOUNT}/Calls/${CALL}/Streams.json`);
  assert.equal(headers.authorization, `Basic ${Buffer.from("SKkey:secret").toString("base64")}`);
  assert.equal(headers["content-type"], "application/x-www-form-urlencoded");
  assert.deepEqual(form, {
    Url: "wss://calls.example.com/twilio/media",
    Name: "linescribe-x-1",
    Track: "both_tracks",
    StatusCallback: "https://calls.example.com/twilio/stream",
    StatusCallbackMethod: "POST",
    "Parameter1.Name": "who",
    "Parameter1.Value": "a&b",
    "Parameter2.Name": "token",
    "Parameter2.Value": "1.1.abc",
  });
});

networkTest(
  "503, 429, a reset and a hang are tried again, with growing waits or the carrier's own",
  async () => {
    const { seen, baseUrl } = await standIn(
      { status: 503 },
      "reset",
      { status: 429, headers: { "retry-after": "2" } },
      "hang",
      created,
    );
    const { api, waits, counters } = apiOf(baseUrl, { attempts: 5, timeoutMs: 200 });
    assert.equal(await api.startStream(stream), STREAM);
    assert.equal(seen.length, 5);
    assert.deepEqual(waits, [250, 500, 2000, 2000]);
    assert.equal(counters.get("carrier_api.failed"), 4);
  },
);

networkTest("after three tries it gives up, with a code", async () => {
  const { seen, baseUrl } = await standIn({ status: 500, headers: { "retry-after": "9999" } });
  const { api, waits } = apiOf(baseUrl);
  await assert.rejects(api.startStream(stream), isFailure(true, /answered 500/));
  assert.equal(seen.length, 3);
  assert.deepEqual(waits, [5000, 5000], "no wait is over 5 s");
});

networkTest("a refusal is not tried again, and tells the carrier's code", async () => {
  const body = JSON.stringify({ code: 21220, message: "Call is not in-progress" });
  const { seen, baseUrl } = await standIn({ status: 400, body });
  await assert.rejects(apiOf(baseUrl).api.startStream(stream), isFailure(false, /400, carrier code 21220/));
  assert.equal(seen.length, 1);
});

networkTest("a redirect is not followed: the credentials go nowhere else", async () => {
  const other = await standIn(created);
  const { baseUrl } = await standIn({ status: 307, headers: { location: other.baseUrl } });
  await assert.rejects(apiOf(baseUrl).api.startStream(stream), isFailure(false, /answered 307/));
  assert.deepEqual(other.seen, []);
});

networkTest("an answer without a stream id, of no JSON, or without end is a failure", async () => {
  for (const body of ["", "[]", "null", "{", '{"sid":7}', '{"sid":"../x"}']) {
    const { baseUrl } = await standIn({ status: 201, body });
    await assert.rejects(
      apiOf(baseUrl).api.startStream(stream),
      isFailure(false, /without a stream id/),
      body,
    );
  }
  const { baseUrl } = await standIn({ status: 201, body: "x".repeat(70_000) });
  await assert.rejects(
    apiOf(baseUrl, { attempts: 1 }).api.startStream(stream),
    isFailure(true, /over 65536 bytes/),
  );
});

networkTest("an unreachable carrier is a failure, and the message does not hold the password", async () => {
  const { api } = apiOf("http://127.0.0.1:1", { attempts: 1 });
  await assert.rejects(
    api.startStream(stream),
    (error: Error) => isFailure(true, /not reached/)(error) && !error.message.includes("secret"),
  );
});

networkTest("a stream is restarted at the media address of this process", async () => {
  const { seen, baseUrl } = await standIn(created);
  const bench = await Bench.start({
    keys: () => ({
      authTokens: [],
      publicUrl: "https://calls.example.com",
      mediaUrl: "https://calls.example.com/b",
    }),
    carrierApi: { accountSid: ACCOUNT, username: ACCOUNT, password: "secret", baseUrl },
  });
  cleanups.push(() => bench.stop());
  await bench.telephony.restartStream(CALL, entryOf());
  assert.equal(seen[0]?.form.Url, "wss://calls.example.com/b/twilio/media");
  assert.equal(seen[0]?.form.StatusCallback, "https://calls.example.com/twilio/stream");
});

networkTest(
  "a start stream that died is restarted by the API with a fresh token that opens the next socket",
  async () => {
    const { seen, baseUrl } = await standIn(created);
    const bench = await Bench.start({
      carrierApi: { accountSid: ACCOUNT, username: ACCOUNT, password: "secret", baseUrl },
    });
    cleanups.push(() => bench.stop());
    const entry = entryOf();
    bench.port.entries.set(entry.number, entry);
    const first = bench.dial();
    await first.opened;
    first.send(connected, startMessage(tokenOf(await bench.call(entry.number))));
    await bench.port.until(() => bench.port.sinks.length === 1);
    first.socket.terminate();
    await bench.port.until(() => bench.port.sink.ends.length === 1);

    assert.equal(bench.telephony.canRestart, true);
    assert.equal(await bench.telephony.restartStream(CALL, entry), STREAM);
    const form = seen[0]?.form ?? {};
    assert.equal(form.Url, "wss://calls.example.com/twilio/media");
    const second = bench.dial();
    await second.opened;
    second.send(connected, startMessage(form["Parameter1.Value"], { streamSid: "MZsecond" }));
    await bench.port.until(() => bench.port.sinks.length === 2);
  },
);

networkTest("without credentials nothing can be restarted", async () => {
  const bench = new Bench();
  assert.equal(bench.telephony.canRestart, false);
  await assert.rejects(bench.telephony.restartStream(CALL, entryOf()), TypeError);
});
