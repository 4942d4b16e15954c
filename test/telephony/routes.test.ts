import assert from "node:assert/strict";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "node:test";
import twilio from "twilio";
import type { TelephonyOptions } from "../../src/telephony/telephony.ts";
import {
  ACCOUNT,
  AUTH_TOKEN,
  Bench,
  CALL,
  entryOf,
  networkTest,
  PUBLIC_URL,
  STREAM,
  tokenOf,
} from "./support.ts";

const HEAD = '<?xml version="1.0" encoding="UTF-8"?><Response>';
const REJECTED = `${HEAD}<Reject/></Response>`;
const benches: Bench[] = [];

async function setUp(options: Partial<TelephonyOptions> = {}): Promise<Bench> {
  const bench = await Bench.start(options);
  benches.push(bench);
  bench.port.entries.set("+15550101111", entryOf());
  bench.port.entries.set(
    "+15550103333",
    entryOf({ mode: "connect", tracks: ["inbound"], announcement: "Please speak." }, null),
  );
  return bench;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.stop()));
});

const VOICE = { CallSid: CALL, AccountSid: ACCOUNT, From: "+15550109876", To: "+15550101111" };

/** Posts raw bytes, unsigned unless the headers say otherwise. */
async function postRaw(bench: Bench, path: string, body: string | Buffer, headers: Record<string, string>) {
  const { port } = bench.server.address() as AddressInfo;
  return await new Promise<{ status: number; json: { code?: string } }>((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, method: "POST", headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text || "{}") }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

networkTest(
  "a call to a start number is answered with a stream and told to the application once",
  async () => {
    const bench = await setUp();
    const answer = await bench.post("/twilio/voice", VOICE);
    assert.equal(answer.status, 200);
    assert.equal(answer.type, "text/xml; charset=utf-8");
    const token = tokenOf(answer.text);
    const name = /name="(linescribe-[\w-]+)"/.exec(answer.text)?.[1];
    assert.equal(
      answer.text,
      `${HEAD}<Start><Stream url="wss://calls.example.com/twilio/media" name="${name}" track="both_tracks" ` +
        `statusCallback="https://calls.example.com/twilio/stream"><Parameter name="token" value="${token}"/>` +
        "</Stream></Start><Dial>+15550102222</Dial></Response>",
    );
    assert.deepEqual(bench.port.calls, [
      { callSid: CALL, accountSid: ACCOUNT, from: VOICE.From, to: VOICE.To, entry: entryOf() },
    ]);
  },
);

networkTest(
  "a wrong, missing or foreign signature is refused with 403, and the log shows the URL checked and the URL seen",
  async () => {
    const bench = await setUp();
    const foreign = twilio.getExpectedTwilioSignature("another token", `${PUBLIC_URL}/twilio/voice`, VOICE);
    for (const signature of ["", "AAAA", foreign]) {
      for (const path of ["/twilio/voice", "/twilio/status", "/twilio/stream"]) {
        const answer = await bench.post(path, VOICE, { "x-twilio-signature": signature });
        assert.equal(answer.status, 403);
        assert.equal(JSON.parse(answer.text).code, "REQUEST_BAD_SIGNATURE");
      }
    }
    assert.deepEqual(bench.port.calls, []);
    assert.deepEqual(bench.port.statuses, []);
    const fields = bench.log.lines[0]?.fields;
    assert.equal(fields?.urlChecked, "https://calls.example.com/twilio/voice");
    assert.equal(fields?.urlSeen, `${bench.origin}/twilio/voice`);
    assert.equal(bench.counters.get("webhook.bad_signature"), 9);
  },
);

networkTest("a signed request with one altered parameter, or another query, is refused", async () => {
  const bench = await setUp();
  const signature = twilio.getExpectedTwilioSignature(AUTH_TOKEN, `${PUBLIC_URL}/twilio/voice`, VOICE);
  const altered = await bench.post(
    "/twilio/voice",
    { ...VOICE, To: "+15550103333" },
    { "x-twilio-signature": signature },
  );
  assert.equal(altered.status, 403);
  const queried = await bench.post("/twilio/voice?recovery=1", VOICE, { "x-twilio-signature": signature });
  assert.equal(queried.status, 403);
});

networkTest("forwarding headers do not change which URL is checked", async () => {
  const bench = await setUp();
  const headers = {
    "x-forwarded-proto": "http",
    "x-forwarded-host": "evil.example.com",
    host: "evil.example.com",
  };
  assert.equal((await bench.post("/twilio/voice", VOICE, headers)).status, 200);
});

networkTest("either of two auth tokens is accepted, and insecure asks for none", async () => {
  const bench = await setUp({
    keys: () => ({ authTokens: ["old", AUTH_TOKEN], publicUrl: `${PUBLIC_URL}/` }),
  });
  assert.equal((await bench.post("/twilio/voice", VOICE)).status, 200);
  const open = await setUp({ insecure: true });
  assert.equal((await open.post("/twilio/voice", VOICE, { "x-twilio-signature": "" })).status, 200);
});

networkTest("a process that shares the public URL offers its own media address, and only that", async () => {
  const mediaUrl = "https://media.example.com/b/";
  const bench = await setUp({ keys: () => ({ authTokens: [AUTH_TOKEN], publicUrl: PUBLIC_URL, mediaUrl }) });
  const document = await bench.call("+15550103333");
  assert.match(document, /<Stream [^>]*url="wss:\/\/media\.example\.com\/b\/twilio\/media"/);
  assert.match(document, /statusCallback="https:\/\/calls\.example\.com\/twilio\/stream"/);
  assert.match(document, /<Redirect[^>]*>https:\/\/calls\.example\.com\/twilio\/voice\?recovery=1</);
});

networkTest("an unknown number takes the * entry, or is rejected and logged without the number", async () => {
  const bench = await setUp();
  assert.equal(await bench.call("+15550107777"), REJECTED);
  assert.deepEqual(bench.log.codes, ["CALL_UNKNOWN_NUMBER"]);
  bench.port.entries.set("*", entryOf({ number: "*" }, { client: "desk" }));
  assert.match(await bench.call("+15550107777"), /<Stream .*<Client>desk<\/Client>/);
  assert.doesNotMatch(JSON.stringify(bench.log.lines), /15550107777|15550109876/);
});

networkTest(
  "an overloaded or draining server gives start numbers what follows, and connect numbers one sentence",
  async () => {
    const bench = await setUp();
    for (const [admission, code] of [
      ["overloaded", "CALL_OVERLOADED"],
      ["draining", "SERVER_DRAINING"],
    ] as const) {
      bench.port.admission = admission;
      assert.equal(await bench.call("+15550101111"), `${HEAD}<Dial>+15550102222</Dial></Response>`);
      assert.equal(
        await bench.call("+15550103333"),
        `${HEAD}<Say>All lines are busy.</Say><Hangup/></Response>`,
      );
      assert.deepEqual(bench.log.codes.slice(-2), [code, code]);
    }
    assert.deepEqual(bench.port.calls, []);
  },
);

networkTest(
  "a fault of the application still gives the caller what follows, or the sentence, with 200",
  async () => {
    const bench = await setUp();
    bench.port.failing = true;
    assert.equal(await bench.call("+15550101111"), `${HEAD}<Dial>+15550102222</Dial></Response>`);
    assert.equal(
      await bench.call("+15550103333"),
      `${HEAD}<Say>All lines are busy.</Say><Hangup/></Response>`,
    );
    bench.port.findNumber = () => {
      throw new Error("no numbers");
    };
    assert.equal(await bench.call("+15550101111"), REJECTED);
    for (const [path, form] of [
      ["/twilio/status", { CallSid: CALL, CallStatus: "completed" }],
      ["/twilio/stream", { CallSid: CALL, StreamSid: STREAM, StreamEvent: "stream-stopped" }],
    ] as const) {
      assert.equal((await bench.post(path, form)).status, 200);
    }
  },
);

networkTest(
  "a signed webhook with missing, repeated, blank or odd fields is answered with 200 and a rejection",
  async () => {
    const bench = await setUp();
    for (const form of [
      {},
      { ...VOICE, CallSid: "" },
      { ...VOICE, CallSid: "CA 1" },
      { ...VOICE, CallSid: "x".repeat(65) },
      { ...VOICE, To: "" },
      { ...VOICE, To: "1".repeat(300) },
    ]) {
      const answer = await bench.post("/twilio/voice", form as Record<string, string>);
      assert.deepEqual([answer.status, answer.text], [200, REJECTED]);
    }
    const repeated = { ...VOICE, CallSid: [CALL, "CAother"] };
    const signature = twilio.getExpectedTwilioSignature(AUTH_TOKEN, `${PUBLIC_URL}/twilio/voice`, repeated);
    const response = await fetch(`${bench.origin}/twilio/voice`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature },
      body: `${new URLSearchParams(VOICE)}&CallSid=CAother`,
    });
    assert.deepEqual([response.status, await response.text()], [200, REJECTED]);
    assert.deepEqual(bench.port.calls, []);
  },
);

networkTest("a caller who withholds the number is a caller all the same", async () => {
  const bench = await setUp();
  const { From: _, ...anonymous } = VOICE;
  assert.match((await bench.post("/twilio/voice", anonymous)).text, /<Stream /);
  assert.equal(bench.port.calls[0]?.from, "");
});

networkTest("a retried webhook is answered with a stream again", async () => {
  const bench = await setUp();
  const [first, second] = [await bench.call("+15550101111"), await bench.call("+15550101111")];
  assert.match(first, /<Stream /);
  assert.match(second, /<Stream /);
  assert.equal(bench.port.calls.length, 2);
});

networkTest(
  "a connect stream that died is offered again without the announcement, five times, then the call goes on",
  async () => {
    const bench = await setUp();
    const first = await bench.call("+15550103333");
    assert.match(first, /<Say>Please speak\.<\/Say><Connect>/);
    let path = /<Redirect method="POST">https:\/\/calls\.example\.com([^<]+)<\/Redirect>/.exec(first)?.[1];
    for (let recovery = 1; recovery <= 5; recovery++) {
      assert.equal(path, `/twilio/voice?recovery=${recovery}`);
      const answer = await bench.call("+15550103333", CALL, path);
      assert.match(answer, /<Response><Connect><Stream /, `recovery ${recovery}`);
      path = /<Redirect method="POST">https:\/\/calls\.example\.com([^<]+)<\/Redirect>/.exec(answer)?.[1];
    }
    assert.equal(await bench.call("+15550103333", CALL, path), `${HEAD}<Hangup/></Response>`);
  },
);

networkTest("a recovery of a call that was answered elsewhere goes on without a stream", async () => {
  const bench = await setUp();
  bench.port.known = false;
  assert.match(await bench.call("+15550103333"), /<Stream /, "a new call is not known either");
  const answer = await bench.call("+15550103333", CALL, "/twilio/voice?recovery=1");
  assert.equal(answer, `${HEAD}<Hangup/></Response>`);
  assert.equal(bench.port.calls.length, 1);
});

networkTest(
  "a recovery on an overloaded machine, or of a number that is gone, ends without a word",
  async () => {
    const bench = await setUp();
    bench.port.admission = "overloaded";
    assert.equal(
      await bench.call("+15550103333", CALL, "/twilio/voice?recovery=1"),
      `${HEAD}<Hangup/></Response>`,
    );
    assert.equal(
      await bench.call("+15550107777", CALL, "/twilio/voice?recovery=1"),
      `${HEAD}<Hangup/></Response>`,
    );
  },
);

networkTest("the status of calls and streams reaches the application", async () => {
  const bench = await setUp();
  await bench.post("/twilio/status", { CallSid: CALL, CallStatus: "no-answer" });
  const stream = { CallSid: CALL, StreamSid: STREAM, StreamName: "x", Timestamp: "2026-11-22T10:00:00Z" };
  await bench.post("/twilio/stream", { ...stream, StreamEvent: "stream-started" });
  await bench.post("/twilio/stream", { ...stream, StreamEvent: "stream-error", StreamError: "31921 closed" });
  await bench.post("/twilio/stream", { ...stream, StreamEvent: "stream-paused" });
  await bench.post("/twilio/status", { CallStatus: "completed" });
  assert.deepEqual(bench.port.statuses, [
    `call ${CALL} no-answer`,
    `stream ${CALL} ${STREAM} stream-started`,
    `stream ${CALL} ${STREAM} stream-error 31921 closed`,
  ]);
  assert.deepEqual(bench.log.codes, ["REQUEST_MALFORMED", "REQUEST_MALFORMED"]);
});

networkTest(
  "bodies of another type, over 16 KiB, of over 200 fields or compressed are refused with a code, not a crash",
  async () => {
    const bench = await setUp();
    const form = "application/x-www-form-urlencoded";
    const cases: [string | Buffer, Record<string, string>, number, string][] = [
      ['{"a":1}', { "content-type": "application/json" }, 415, "REQUEST_UNSUPPORTED_TYPE"],
      ["[".repeat(100_000), { "content-type": "application/json" }, 415, "REQUEST_UNSUPPORTED_TYPE"],
      ["a=1", { "content-type": "text/plain" }, 415, "REQUEST_UNSUPPORTED_TYPE"],
      ["a=1", {}, 415, "REQUEST_UNSUPPORTED_TYPE"],
      [`a=${"x".repeat(20_000)}`, { "content-type": form }, 413, "REQUEST_TOO_LARGE"],
      ["a&".repeat(300), { "content-type": form }, 413, "REQUEST_TOO_LARGE"],
      ["a=1", { "content-type": form, "content-encoding": "gzip" }, 415, "REQUEST_UNSUPPORTED_TYPE"],
      ["a=1", { "content-type": `${form}; charset=utf-16` }, 415, "REQUEST_UNSUPPORTED_TYPE"],
      [Buffer.from([0xff, 0xfe, 0x00, 0x25, 0x25]), { "content-type": form }, 403, "REQUEST_BAD_SIGNATURE"],
      ["%=%&%E0%A4%A=1&__proto__=x&constructor=y", { "content-type": form }, 403, "REQUEST_BAD_SIGNATURE"],
    ];
    for (const [body, headers, status, code] of cases) {
      const answer = await postRaw(bench, "/twilio/voice", body, headers);
      assert.deepEqual([answer.status, answer.json.code], [status, code], String(body).slice(0, 40));
    }
    assert.match(await bench.call("+15550101111"), /<Stream /, "the server lives");
  },
);

networkTest("a signed form that is deep in odd names is answered like any other", async () => {
  const bench = await setUp();
  const form = { ...VOICE, "a[b][c]": "1", "d[]": "2", constructor: "3", "e.f": "é€😀+ &=", g: "" };
  assert.match((await bench.post("/twilio/voice", form)).text, /<Stream /);
});
