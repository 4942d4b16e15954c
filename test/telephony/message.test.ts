import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LinescribeError } from "../../src/base/error.ts";
import { MESSAGE_MAXIMUM_BYTES, parseMessage } from "../../src/telephony/message.ts";
import { ACCOUNT, CALL, mediaMessage, STREAM, startMessage, stopMessage } from "./support.ts";

const parse = (message: unknown) => parseMessage(JSON.stringify(message));

function assertBad(text: string, pattern: RegExp): void {
  assert.throws(
    () => parseMessage(text),
    (error) =>
      error instanceof LinescribeError && error.code === "STREAM_BAD_MESSAGE" && pattern.test(error.message),
    text.slice(0, 200),
  );
}

test("each message of the documentation is read", () => {
  assert.deepEqual(parse({ event: "connected", protocol: "Call", version: "1.0.0" }), { event: "connected" });
  assert.deepEqual(parse(startMessage("t")), {
    event: "start",
    sequenceNumber: 1,
    streamSid: STREAM,
    callSid: CALL,
    accountSid: ACCOUNT,
    tracks: ["inbound"],
    mediaFormat: { encoding: "audio/x-mulaw", sampleRateHz: 8000, channels: 1 },
    parameters: { token: "t", FirstName: "Jane" },
  });
  assert.deepEqual(parse(mediaMessage(4, 5, [255, 0, 127])), {
    event: "media",
    sequenceNumber: 4,
    streamSid: STREAM,
    track: "inbound",
    timestampMs: 5,
    mulaw: Buffer.from([255, 0, 127]),
  });
  const dtmf = { track: "inbound_track", digit: "1" };
  assert.deepEqual(parse({ event: "dtmf", streamSid: STREAM, sequenceNumber: "5", dtmf }), {
    event: "dtmf",
    sequenceNumber: 5,
    streamSid: STREAM,
    track: "inbound",
    digit: "1",
  });
  const mark = { event: "mark", sequenceNumber: "4", streamSid: STREAM, mark: { name: "my label" } };
  assert.deepEqual(parse(mark), { event: "mark", sequenceNumber: 4, streamSid: STREAM });
  assert.deepEqual(parse(stopMessage(5)), { event: "stop", sequenceNumber: 5, streamSid: STREAM });
});

test("an event that is not known is no error, a message without an event is one", () => {
  assert.deepEqual(parse({ event: "video", payload: [] }), { event: "unknown" });
  assertBad("{}", /"event" to be a string, got nothing/);
  assertBad('{"event":7}', /"event" to be a string, got a number/);
});

test("numbers are read from strings and from numbers, and compared as numbers", () => {
  const at = (timestamp: unknown) => {
    const message = parse({ event: "media", media: { track: "inbound", timestamp, payload: "" } });
    return message.event === "media" ? message.timestampMs : null;
  };
  assert.deepEqual([at("9"), at("10"), at(10), at("0")], [9, 10, 10, 0]);
  for (const timestamp of [
    "",
    "1.5",
    "-1",
    "1e3",
    " 1",
    "0x1",
    -1,
    1.5,
    86_400_001,
    "99999999999999999",
    null,
    [],
  ]) {
    assert.throws(() => at(timestamp), LinescribeError, JSON.stringify(timestamp));
  }
});

test("tracks have the names of the stream or of TwiML, in start without repeats", () => {
  const tracks = (value: unknown) => {
    const message = parse(startMessage("t", { tracks: value }));
    return message.event === "start" ? message.tracks : null;
  };
  assert.deepEqual(tracks(["inbound", "outbound"]), ["inbound", "outbound"]);
  assert.deepEqual(tracks(["inbound_track", "inbound"]), ["inbound"]);
  for (const value of [[], ["both"], ["inbound", "outbound", "inbound"], "inbound", undefined, [1]]) {
    assert.throws(() => tracks(value), LinescribeError);
  }
  assertBad(JSON.stringify(mediaMessage(2, 0, [1], "Inbound")), /a track to be "inbound" or "outbound"/);
});

test("a payload is strict base64: alphabet, padding and unused bits", () => {
  const payload = (text: unknown) =>
    parse({ event: "media", media: { track: "inbound", timestamp: "0", payload: text } });
  for (const good of ["", "AA==", "AAA=", "AAAA", "+/+/", "/w=="]) payload(good);
  for (const bad of [
    "A",
    "AA",
    "AAA",
    "AA=A",
    "AB==",
    "AAB=",
    "-_-_",
    "AAAA\n",
    " AAAA",
    "AA==AAAA",
    "é===",
    7,
    null,
    {},
  ]) {
    assert.throws(() => payload(bad), LinescribeError, JSON.stringify(bad));
  }
});

test("every byte sequence comes through a payload unchanged, and every text that is not base64 is refused", () => {
  const isBase64 = (text: string): boolean => {
    const [, body = "", padding = ""] = /^([A-Za-z0-9+/]*)(={0,2})$/.exec(text) ?? ["", "?"];
    if (body === "?" || (body.length + padding.length) % 4 !== 0) return false;
    const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".indexOf(
      body.at(-1) ?? "A",
    );
    return padding === "" || last % (padding.length === 1 ? 4 : 16) === 0;
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 800 }), (bytes) => {
      const message = parse(mediaMessage(2, 0, [...bytes]));
      assert.ok(message.event === "media");
      assert.deepEqual([...message.mulaw], [...bytes]);
    }),
  );
  const alphabet = fc.string({ unit: fc.constantFrom(..."ABQgw+/=-_ é"), maxLength: 12 });
  fc.assert(
    fc.property(alphabet, (text) => {
      const media = { track: "inbound", timestamp: "0", payload: text };
      const read = () => parse({ event: "media", media });
      if (isBase64(text)) read();
      else assert.throws(read, LinescribeError);
    }),
    { numRuns: 2000 },
  );
});

test("a message over 64 KiB is refused before it is parsed", () => {
  const padded = (length: number) => `{"event":"x"${" ".repeat(length - 13)}}`;
  assert.deepEqual(parseMessage(padded(MESSAGE_MAXIMUM_BYTES)), { event: "unknown" });
  assertBad(padded(MESSAGE_MAXIMUM_BYTES + 1), /at most 65536 characters/);
});

test("identifiers have a closed alphabet and 64 characters at most", () => {
  for (const callSid of ["", "CA 1", "CA/../x", "CA\n", "x".repeat(65), 7, null, undefined]) {
    assert.throws(() => parse(startMessage("t", { callSid })), LinescribeError, String(callSid));
  }
});

test("a digit is one key of a telephone", () => {
  const digit = (value: unknown) => parse({ event: "dtmf", dtmf: { track: "inbound_track", digit: value } });
  for (const good of "0123456789ABCD*#") digit(good);
  for (const bad of ["", "11", "a", "x", 1, null]) assert.throws(() => digit(bad), LinescribeError);
});

test("custom parameters are strings, 100 at most, and a name such as __proto__ is only a name", () => {
  const parameters = (value: unknown) => {
    const message = parseMessage(
      `{"event":"start","start":{"accountSid":"A","streamSid":"M","callSid":"C","tracks":["inbound"],
        "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":"8000","channels":1},"customParameters":${value}}}`,
    );
    return message.event === "start" ? message.parameters : null;
  };
  assert.deepEqual(parameters("null"), {});
  const hostile = parameters('{"__proto__":"a","constructor":"b"}');
  assert.deepEqual(Object.entries(hostile ?? {}), [
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
  assert.equal(Object.getPrototypeOf(hostile), Object.prototype);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`p${index}`, ""]));
  for (const bad of [many, { a: 1 }, { a: null }, { "": "x" }, { a: "x".repeat(501) }, [], "x"]) {
    assert.throws(() => parameters(JSON.stringify(bad)), LinescribeError);
  }
});

test("an error says where and what kind, and never quotes what was sent", () => {
  assertBad(
    '{"event":"media","media":{"track":"inbound","timestamp":"0","payload":"my secret words"}}',
    /^(?!.*secret)/,
  );
  assertBad("my secret words", /^(?!.*secret)/);
  assertBad("[1]", /"message" to be an object, got a list of 1/);
  assertBad("null", /"message" to be an object, got null/);
});

test("whatever comes in, a message or our error comes out", () => {
  const event = fc.constantFrom("connected", "start", "media", "dtmf", "mark", "stop", "x");
  const field = fc.oneof(fc.jsonValue(), fc.constantFrom("inbound", "0", "AA==", 8000, {}));
  const shaped = fc.record(
    {
      event,
      sequenceNumber: field,
      streamSid: field,
      start: fc.record(
        {
          accountSid: field,
          streamSid: field,
          callSid: field,
          tracks: fc.oneof(field, fc.array(field)),
          mediaFormat: field,
          customParameters: field,
        },
        { requiredKeys: [] },
      ),
      media: fc.record({ track: field, timestamp: field, payload: field }, { requiredKeys: [] }),
      dtmf: fc.record({ track: field, digit: field }, { requiredKeys: [] }),
    },
    { requiredKeys: ["event"] },
  );
  const texts = fc.oneof(
    shaped.map((message) => JSON.stringify(message)),
    fc.json(),
    fc.string({ unit: "binary" }),
    fc.nat(60_000).map((depth) => "[".repeat(depth)),
    fc.nat(30_000).map((depth) => '{"event":'.repeat(depth / 9) + "}".repeat(depth / 9)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        assert.ok(parseMessage(text).event);
      } catch (error) {
        assert.ok(error instanceof LinescribeError && error.code === "STREAM_BAD_MESSAGE", String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
