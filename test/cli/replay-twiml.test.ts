import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import twilio from "twilio";
import { Addresses } from "../../src/cli/replay/addresses.ts";
import { CarrierError } from "../../src/cli/replay/carrier-error.ts";
import { parseVerbs } from "../../src/cli/replay/twiml-verbs.ts";

test("documents of the carrier's own library are read back as they were meant", () => {
  const response = new twilio.twiml.VoiceResponse();
  response.say("Recorded & <kept>");
  const stream = response.start().stream({
    url: "wss://h.example/media?token=x#y",
    name: "n",
    track: "both_tracks",
    statusCallback: "https://h/s",
  });
  stream.parameter({ name: "token", value: "a<b>&\"c'" });
  response.pause({ length: 3 });
  response.dial("+15550100100");
  assert.deepEqual(parseVerbs(response.toString()), [
    { verb: "Say" },
    {
      verb: "Start",
      stream: {
        url: "wss://h.example/media",
        name: "n",
        tracks: ["inbound", "outbound"],
        statusCallback: "https://h/s",
        parameters: { token: "a<b>&\"c'" },
      },
    },
    { verb: "Pause", lengthMs: 3000 },
    { verb: "Dial" },
  ]);
});

test("comments, processing instructions, CDATA and entities are XML and no verbs", () => {
  const document =
    "<?xml version='1.0'?><!-- a --><Response><!-- b --><Redirect><![CDATA[https://h/v?a=1&b=2]]></Redirect><Pause/></Response>";
  assert.deepEqual(parseVerbs(document), [
    { verb: "Redirect", url: "https://h/v?a=1&b=2" },
    { verb: "Pause", lengthMs: 1000 },
  ]);
});

test("a parameter of 500 characters is one too long", () => {
  const document = (length: number) =>
    `<Response><Start><Stream url="wss://h/m"><Parameter name="n" value="${"v".repeat(length - 1)}"/></Stream></Start></Response>`;
  assert.equal(parseVerbs(document(499)).length, 1);
  assert.throws(() => parseVerbs(document(500)), CarrierError);
});

test("whatever a server answers, reading it gives verbs or the carrier's error", () => {
  const piece = fc.constantFrom(
    "<Response>",
    "</Response>",
    "<Start>",
    "</Start>",
    "<Connect>",
    "</Connect>",
    '<Stream url="wss://h/m"/>',
    '<Stream track="x"/>',
    "<Pause/>",
    "&",
    "&lt;",
    "<",
    'a="b"',
    "<!DOCTYPE x [<!ENTITY e 'e'>]>",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 8 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (document) => {
      try {
        parseVerbs(document);
      } catch (error) {
        assert.ok(error instanceof CarrierError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test("public and reachable addresses are told apart, with prefix, port and scheme", () => {
  const plain = new Addresses("http://127.0.0.1:8080/twilio/voice");
  assert.equal(plain.toPublic("http://127.0.0.1:8080/twilio/voice"), "http://127.0.0.1:8080/twilio/voice");
  assert.equal(plain.socketScheme, "ws:");
  assert.equal(plain.toConnect("ws://127.0.0.1:8080/twilio/media"), "ws://127.0.0.1:8080/twilio/media");

  const proxied = new Addresses("http://127.0.0.1:8080/twilio/voice", "https://h.example/bridge/");
  assert.equal(proxied.toPublic("http://127.0.0.1:8080/a?b=1"), "https://h.example/bridge/a?b=1");
  assert.equal(proxied.socketScheme, "wss:");
  assert.equal(proxied.toConnect("wss://h.example/bridge/media"), "ws://127.0.0.1:8080/media");
  assert.equal(proxied.toConnect("https://h.example:443/bridge/v?a=1"), "http://127.0.0.1:8080/v?a=1");
  assert.equal(proxied.toConnect("https://elsewhere.example/v"), "https://elsewhere.example/v");
  assert.equal(proxied.isOurs("wss://h.example:443/bridge/media"), true);
  assert.equal(proxied.isOurs("https://h.example:8443/v"), false);
  assert.equal(proxied.isOurs("not a url"), false);
});
