import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import twilio from "twilio";
import type { Then } from "../../src/telephony/port.ts";
import { escapeXml, Twiml, trackAttribute } from "../../src/telephony/twiml.ts";
import { entryOf } from "./support.ts";

const { VoiceResponse } = twilio.twiml;
const twiml = new Twiml();

const offer = {
  url: "wss://calls.example.com/twilio/media",
  name: "linescribe-x-0",
  statusCallback: "https://calls.example.com/twilio/stream",
  token: "1.0.abc",
};
const recoveryUrl = "https://calls.example.com/twilio/voice?recovery=1";
const HEAD = '<?xml version="1.0" encoding="UTF-8"?><Response>';
const STREAM_ATTRIBUTES =
  'url="wss://calls.example.com/twilio/media" name="linescribe-x-0" track="TRACK" ' +
  'statusCallback="https://calls.example.com/twilio/stream"';
const PARAMETER = '<Parameter name="token" value="1.0.abc"/>';

// biome-ignore lint/suspicious/noControlCharactersInRegex: what XML 1.0 cannot hold
const UNSAFE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

const FOLLOWERS: [Then, string][] = [
  [{ dial: "+15550102222" }, "<Dial>+15550102222</Dial>"],
  [{ sip: "sip:desk@pbx.example.com" }, "<Dial><Sip>sip:desk@pbx.example.com</Sip></Dial>"],
  [{ client: "alice" }, "<Dial><Client>alice</Client></Dial>"],
  [
    { redirect: "https://ivr.example.com/menu?a=1&b=2" },
    '<Redirect method="POST">https://ivr.example.com/menu?a=1&amp;b=2</Redirect>',
  ],
  [{ hangup: true }, "<Hangup/>"],
];

test("start: the announcement, both tracks streaming, then each form of what follows, whole", () => {
  const stream = STREAM_ATTRIBUTES.replace("TRACK", "both_tracks");
  for (const [next, verb] of FOLLOWERS) {
    assert.equal(
      twiml.start(entryOf({ announcement: "This call is recorded." }, next), offer),
      `${HEAD}<Say>This call is recorded.</Say><Start><Stream ${stream}>${PARAMETER}</Stream></Start>${verb}</Response>`,
    );
  }
});

test("start: no announcement, one track", () => {
  const stream = STREAM_ATTRIBUTES.replace("TRACK", "outbound_track");
  assert.equal(
    twiml.start(entryOf({ tracks: ["outbound"] }), offer),
    `${HEAD}<Start><Stream ${stream}>${PARAMETER}</Stream></Start><Dial>+15550102222</Dial></Response>`,
  );
});

test("connect: the announcement in its language, the inbound track, then our own redirect, whole", () => {
  const entry = entryOf({
    mode: "connect",
    tracks: ["inbound"],
    announcement: "Bitte sprechen.",
    announcementLanguage: "de-DE",
    parameters: { campaign: 'a<b & "c"' },
  });
  const stream = STREAM_ATTRIBUTES.replace("TRACK", "inbound_track");
  assert.equal(
    twiml.connect(entry, { ...offer, recoveryUrl }),
    `${HEAD}<Say language="de-DE">Bitte sprechen.</Say><Connect><Stream ${stream}>` +
      `<Parameter name="campaign" value="a&lt;b &amp; &quot;c&quot;"/>${PARAMETER}</Stream></Connect>` +
      `<Redirect method="POST">${recoveryUrl}</Redirect></Response>`,
  );
});

test("overload, rejection and going on without a stream, whole", () => {
  const entry = entryOf({ mode: "connect", announcementLanguage: "en-GB" });
  assert.equal(
    twiml.overload(entry),
    `${HEAD}<Say language="en-GB">All lines are busy.</Say><Hangup/></Response>`,
  );
  assert.equal(twiml.reject(), `${HEAD}<Reject/></Response>`);
  assert.equal(twiml.withoutStream(null), `${HEAD}<Hangup/></Response>`);
  for (const [next, verb] of FOLLOWERS) {
    assert.equal(twiml.withoutStream(next), `${HEAD}${verb}</Response>`);
  }
});

test("the documents are byte for byte those that the carrier's own library builds", () => {
  const { url, name, statusCallback, token } = offer;
  const start = new VoiceResponse();
  start.say({ language: "en-US" }, "Q & A <1>");
  const started = start.start().stream({ url, name, track: "both_tracks", statusCallback });
  started.parameter({ name: "who", value: 'x<y & "z"' });
  started.parameter({ name: "token", value: token });
  start.dial().sip("sip:a@b?x=1&y=2");
  const entry = entryOf(
    { announcement: "Q & A <1>", announcementLanguage: "en-US", parameters: { who: 'x<y & "z"' } },
    { sip: "sip:a@b?x=1&y=2" },
  );
  assert.equal(twiml.start(entry, offer), start.toString());

  const connect = new VoiceResponse();
  const stream = { url, name, track: "inbound_track", statusCallback } as const;
  connect.connect().stream(stream).parameter({ name: "token", value: token });
  connect.redirect({ method: "POST" }, recoveryUrl);
  const connected = twiml.connect(entryOf({ mode: "connect", tracks: ["inbound"] }), {
    ...offer,
    recoveryUrl,
  });
  assert.equal(connected, connect.toString());

  const rejected = new VoiceResponse();
  rejected.reject();
  assert.equal(twiml.reject(), rejected.toString());
});

test("any text is escaped so that it comes back the same, and can close no element or attribute", () => {
  const back = (xml: string) =>
    xml.replace(
      /&(amp|lt|gt|quot|apos);/g,
      (_, name: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" })[name] ?? "",
    );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const escaped = escapeXml(text);
      assert.doesNotMatch(escaped, /[<>"']|&(?!amp;|lt;|gt;|quot;|apos;)/);
      assert.equal(back(escaped), text.replace(UNSAFE, ""));
    }),
  );
});

test("a text that looks like a placeholder, or a replacement pattern, is only a text", () => {
  const entry = entryOf({ announcement: "{{token}} {{> next}} $& $1" });
  assert.ok(twiml.start(entry, offer).includes("<Say>{{token}} {{&gt; next}} $&amp; $1</Say>"));
});

test("every template in twiml/ is one that the program fills", () => {
  const files = readdirSync(new URL("../../twiml/", import.meta.url)).filter((file) => file.endsWith(".xml"));
  assert.equal(files.length, 13);
  assert.throws(() => new Twiml(new URL("./", import.meta.url)), /Expected a template start\.xml/);
});

test("a set of tracks has TwiML's name", () => {
  assert.equal(trackAttribute(["inbound"]), "inbound_track");
  assert.equal(trackAttribute(["outbound"]), "outbound_track");
  assert.equal(trackAttribute(["outbound", "inbound"]), "both_tracks");
});
