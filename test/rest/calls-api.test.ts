import assert from "node:assert/strict";
import { test } from "node:test";
import { final, sampleCall } from "../store/sample.ts";
import { fillStore, startRest } from "./rig.ts";

const MASKED = { from: "********0002", to: "********0001" };

test("calls are listed newest first, with masked numbers unless the key may see them whole", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const { status, json, headers } = await ask("/v1/calls");
  assert.equal(status, 200);
  assert.equal(headers.get("cache-control"), "no-store");
  const sids = json.calls.map(({ callSid }: { callSid: string }) => callSid);
  assert.deepEqual([sids, json.next], [["ses_3", "CA2", "CA1"], null]);
  const [session, live, past] = json.calls;
  assert.deepEqual([past.from, past.to, past.masked], [MASKED.from, MASKED.to, true]);
  assert.deepEqual(
    [past.status, past.faulty, past.durationMs, past.endReason],
    ["ended", true, 9000, "stream_stopped"],
  );
  assert.deepEqual([live.status, live.languages], ["live", ["de"]]);
  assert.deepEqual(
    [session.kind, session.to, session.from, session.masked],
    ["session", "/ws/transcribe", "key1", false],
  );
  for (const scopes of [["read", "numbers"], ["admin"]] as const) {
    const whole = (await ask("/v1/calls/CA1", { scopes: [...scopes] })).json;
    assert.deepEqual([whole.from, whole.to, whole.masked], ["+15550100002", "+15550100001", false]);
  }
});

test("no answer to a key without the scope holds a whole number", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const paths = ["", "?q=refund", "/CA1", "/CA1/events", "/CA1/deliveries", "/CA1/transcript", "/CA2"];
  for (const path of paths) {
    const { text } = await ask(`/v1/calls${path}`);
    assert.doesNotMatch(text, /\+\d{6}/, path);
  }
  const { text } = await ask("/v1/calls/CA1/events", { scopes: ["read", "numbers"] });
  assert.match(text, /\+15550100002/);
});

test("lists are filtered, and go on where the cursor says", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const sids = async (query: string): Promise<string> => {
    const { json } = await ask(`/v1/calls?${query}`);
    return json.calls.map(({ callSid }: { callSid: string }) => callSid).join(" ");
  };
  assert.equal(await sids("number=%2B4930123456"), "CA2");
  assert.equal(await sids("number=+4930123456"), "CA2");
  assert.equal(await sids("number=3456"), "");
  assert.equal(await sids("status=live"), "ses_3 CA2");
  assert.equal(await sids("status=faulty&kind=call"), "CA1");
  assert.equal(await sids("language=de"), "CA2");
  assert.equal(await sids("until=2020-01-01"), "");
  assert.equal(await sids("since=2020-01-01T00:00:00%2B02:00&until=2999-12-31"), "ses_3 CA2 CA1");
  const first = (await ask("/v1/calls?limit=2")).json;
  assert.equal(first.calls.length, 2);
  store.openCall({ ...(store.call("CA1") as NonNullable<ReturnType<typeof store.call>>), callSid: "CA4" });
  const second = (await ask(`/v1/calls?limit=2&cursor=${first.next}`)).json;
  assert.deepEqual(
    [second.calls.map(({ callSid }: { callSid: string }) => callSid), second.next],
    [["CA1"], null],
  );
});

test("search tells what was found where, as plain text", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const { json } = await ask("/v1/calls?q=refun");
  assert.deepEqual(
    json.calls.map(({ callSid, hitCount }: { callSid: string; hitCount: number }) => [callSid, hitCount]),
    [
      ["CA2", 1],
      ["CA1", 1],
    ],
  );
  const [hit] = json.calls[1].hits;
  assert.equal(hit.text, "I want a refund & <b>now</b>");
  assert.deepEqual(hit.marks, [{ start: 9, end: 15 }]);
  assert.deepEqual([hit.sequence, hit.track, hit.label, hit.startMs], [2, "inbound", "caller", 1000]);
  assert.deepEqual((await ask("/v1/calls?q=refun&language=en")).json.calls.length, 1);
  assert.deepEqual((await ask(`/v1/calls?q=${encodeURIComponent('") OR *')}`)).json, {
    calls: [],
    next: null,
  });
});

test("a transcript is given in the format that is asked for, by time, of one track or of both", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const get = (query: string, accept?: string) =>
    ask(`/v1/calls/CA1/transcript${query}`, { headers: accept === undefined ? {} : { accept } });
  const json = await get("");
  assert.deepEqual(
    json.json.finals.map(({ track, startMs }: { track: string; startMs: number }) => [track, startMs]),
    [
      ["inbound", 1000],
      ["outbound", 1200],
    ],
  );
  assert.deepEqual(
    json.json.gaps.map(({ cause }: { cause: string }) => cause),
    ["not_received"],
  );
  const txt = await get("?format=txt");
  assert.equal(txt.type, "text/plain");
  assert.equal(
    txt.text,
    "[00:00:01] caller: I want a refund & <b>now</b>\n[00:00:01] agent: Your card, please\n[00:00:02] caller: (2.1 s not received)\n",
  );
  const srt = await get("?format=srt&track=outbound");
  assert.equal(srt.type, "application/x-subrip");
  assert.equal(srt.text, "1\n00:00:01,200 --> 00:00:02,300\nYour card, please\n");
  const vtt = await get("", "text/vtt");
  assert.equal(vtt.type, "text/vtt");
  assert.equal(
    vtt.text,
    "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<v caller>I want a refund &amp; &lt;b&gt;now&lt;/b&gt;\n\n00:00:01.200 --> 00:00:02.300\n<v agent>Your card, please\n",
  );
  assert.equal(vtt.headers.get("content-disposition"), 'inline; filename="CA1.vtt"');
  assert.equal((await get("", "text/*;q=0.5, application/x-subrip")).type, "application/x-subrip");
  assert.equal((await get("?format=json", "text/vtt")).type, "application/json");
});

test("who speaks later but is heard first comes later, also in captions of people who talk at once", async (t) => {
  const { ask, store } = await startRest(t);
  store.openCall(sampleCall("CA1"));
  const words = Array.from({ length: 24 }, (_, index) => ({
    word: `word${index}`,
    startMs: index * 300,
    endMs: index * 300 + 290,
    confidence: 1,
  }));
  const long = { startMs: 0, endMs: 7200, words, text: words.map(({ word }) => word).join(" ") };
  store.commit("CA1", [
    { ...final(1, "outbound", "later"), startMs: 1000, endMs: 1200 },
    { ...final(1, "inbound"), ...long },
  ]);
  const { json } = await ask("/v1/calls/CA1/transcript");
  assert.deepEqual(
    json.finals.map(({ startMs }: { startMs: number }) => startMs),
    [0, 1000],
  );
  const vtt = (await ask("/v1/calls/CA1/transcript?format=vtt")).text;
  const starts = [...vtt.matchAll(/^(\S+) -->/gm)].map(([, start]) => start);
  assert.ok(starts.length > 2);
  assert.deepEqual(starts, [...starts].sort());
});

test("events come in pages, and the last page says that there are no more for now", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const first = (await ask("/v1/calls/CA1/events?limit=4")).json;
  assert.deepEqual([first.events.length, first.next], [4, 4]);
  const second = (await ask("/v1/calls/CA1/events?limit=4&after=4")).json;
  assert.deepEqual(
    [second.events.map(({ type }: { type: string }) => type), second.next],
    [["call.dtmf", "call.ended"], null],
  );
  const { parameters } = first.events[0];
  assert.deepEqual(parameters, { tenant: "naïve – 東京" });
});

test("deliveries are shown, sent again and deleted with their call by who may", async (t) => {
  const { ask, store, resent } = await startRest(t);
  fillStore(store);
  const admin = { scopes: ["admin" as const] };
  for (let sent = 0; sent < 6; sent += 1) {
    const [head] = store.dueHeads("http://127.0.0.1:9/hook", Date.now() + 1e6, 1);
    assert.ok(head);
    const outcome = sent === 1 ? "dead" : "delivered";
    store.settle([
      { head, outcome, at: 5, nextAt: 0, strike: false, status: 400, error: "no", response: "<b>" },
    ]);
  }
  const shown = (await ask("/v1/calls/CA1/deliveries")).json;
  assert.equal(shown.endpoint, "http://127.0.0.1:9/hook");
  assert.deepEqual(
    shown.deliveries.map(({ state }: { state: string }) => state),
    ["delivered", "dead", "delivered", "delivered", "delivered", "delivered"],
  );
  const resend = (body?: string) =>
    ask("/v1/calls/CA1/resend", {
      ...admin,
      method: "POST",
      ...(body !== undefined && { body, headers: { "content-type": "application/json" } }),
    });
  assert.deepEqual((await resend()).json, { callSid: "CA1", resent: 1 });
  assert.equal(resent(), 1);
  assert.deepEqual((await resend('{"states":["delivered"],"sequences":[1,3,99]}')).json.resent, 2);
  assert.deepEqual((await resend("{}")).json.resent, 0);
  assert.equal(resent(), 2);

  assert.deepEqual((await ask("/v1/calls/CA1", { ...admin, method: "DELETE" })).json, {
    callSid: "CA1",
    deleted: true,
  });
  assert.equal((await ask("/v1/calls/CA1")).status, 404);
  assert.equal((await ask("/v1/calls?q=refund")).json.calls.length, 1);
  assert.equal(store.countOutbox().pending, 0);
});

test("every bad request has its documented error", async (t) => {
  const { ask, store, counters } = await startRest(t);
  fillStore(store);
  const words = encodeURIComponent("a b c d e f g h i j k l m n o p q");
  const cases: [string, number, string, string?][] = [
    ["/v1/calls/CA9", 404, "CALL_UNKNOWN"],
    ["/v1/calls/CA9/transcript", 404, "CALL_UNKNOWN"],
    ["/v1/calls/..%2f", 404, "CALL_UNKNOWN"],
    ["/v1/calls/CA1/nothing", 404, "REQUEST_MALFORMED"],
    ["/v1/calls/%ff", 400, "REQUEST_MALFORMED"],
    ["/v1/calls?cursor=broken!", 400, "REQUEST_UNSUPPORTED_OPTION", "cursor"],
    ["/v1/calls?cursor=", 400, "REQUEST_UNSUPPORTED_OPTION", "cursor"],
    ["/v1/calls?status=asleep", 400, "REQUEST_UNSUPPORTED_OPTION", "status"],
    ["/v1/calls?language=English", 400, "REQUEST_UNSUPPORTED_OPTION", "language"],
    ["/v1/calls?since=yesterday", 400, "REQUEST_UNSUPPORTED_OPTION", "since"],
    ["/v1/calls?limit=0", 400, "REQUEST_UNSUPPORTED_OPTION", "limit"],
    ["/v1/calls?limit=1e3", 400, "REQUEST_UNSUPPORTED_OPTION", "limit"],
    ["/v1/calls?limit=201", 400, "REQUEST_UNSUPPORTED_OPTION", "limit"],
    ["/v1/calls?number=", 400, "REQUEST_UNSUPPORTED_OPTION", "number"],
    ["/v1/calls?status=live&status=ended", 400, "REQUEST_UNSUPPORTED_OPTION", "status"],
    ["/v1/calls?colour=red", 400, "REQUEST_UNSUPPORTED_OPTION", "colour"],
    ["/v1/calls?__proto__=1", 400, "REQUEST_UNSUPPORTED_OPTION", "__proto__"],
    [`/v1/calls?q=${"x".repeat(201)}`, 400, "REQUEST_UNSUPPORTED_OPTION", "q"],
    [`/v1/calls?q=${words}`, 400, "REQUEST_UNSUPPORTED_OPTION", "q"],
    [`/v1/calls?q=${"x".repeat(5000)}`, 414, "REQUEST_TOO_LARGE"],
    ["/v1/calls/CA1?x=1", 400, "REQUEST_UNSUPPORTED_OPTION", "x"],
    ["/v1/calls/CA1/events?after=-1", 400, "REQUEST_UNSUPPORTED_OPTION", "after"],
    ["/v1/calls/CA1/transcript?format=pdf", 400, "REQUEST_UNSUPPORTED_OPTION", "format"],
    ["/v1/calls/CA2/transcript?track=third", 400, "REQUEST_UNSUPPORTED_OPTION", "track"],
    ["/v1/calls/ses_3/transcript?track=sideways", 400, "REQUEST_UNSUPPORTED_OPTION", "track"],
  ];
  for (const [path, status, code, parameter] of cases) {
    const { json, type, status: got } = await ask(path);
    assert.deepEqual([got, json?.code, type], [status, code, "application/problem+json"], path);
    assert.equal(json.errors?.[0].parameter, parameter, path);
  }
  assert.equal((await ask("/v1/calls/CA1/transcript", { headers: { accept: "image/png" } })).status, 406);
  assert.equal((await ask("/v1/calls", { method: "PUT" })).json.code, "REQUEST_WRONG_METHOD");
  assert.ok(counters.get("api.calls.failed.CALL_UNKNOWN") >= 3);
});

test("a body that is not as it should be changes nothing and is refused", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const post = async (body: string, type = "application/json"): Promise<unknown[]> => {
    const options = { method: "POST", scopes: ["admin" as const], body, headers: { "content-type": type } };
    const { status, json } = await ask("/v1/calls/CA1/resend", options);
    return [status, json.code, json.errors?.[0].parameter];
  };
  assert.deepEqual(await post("{"), [400, "REQUEST_MALFORMED", undefined]);
  assert.deepEqual(await post("[]"), [400, "REQUEST_MALFORMED", undefined]);
  assert.deepEqual(await post('{"states":["pending"]}'), [400, "REQUEST_UNSUPPORTED_OPTION", "states.0"]);
  assert.deepEqual(await post('{"all":true}'), [400, "REQUEST_UNSUPPORTED_OPTION", "all"]);
  assert.deepEqual(await post('{"sequences":[0]}'), [400, "REQUEST_UNSUPPORTED_OPTION", "sequences.0"]);
  assert.deepEqual(await post("{}", "text/plain"), [415, "REQUEST_UNSUPPORTED_TYPE", undefined]);
  assert.deepEqual(await post(`{"x":"${"x".repeat(20_000)}"}`), [413, "REQUEST_TOO_LARGE", undefined]);
});

test("who has no key, or one of another scope, is told so and learns nothing", async (t) => {
  const { ask, store, url, key } = await startRest(t);
  fillStore(store);
  key("read");
  const none = await fetch(`${url}/v1/calls`);
  assert.deepEqual(
    [none.status, ((await none.json()) as { code: string }).code],
    [401, "ACCESS_KEY_MISSING"],
  );
  const refused = async (path: string, method: string, scopes: ("read" | "transcribe" | "numbers")[]) => {
    const { status, json } = await ask(path, { method, scopes });
    assert.deepEqual([status, json.code], [403, "ACCESS_SCOPE_MISSING"], `${method} ${path}`);
  };
  await refused("/v1/calls", "GET", ["transcribe"]);
  await refused("/v1/calls/CA1", "GET", ["numbers"]);
  // Also of a call that does not exist.
  await refused("/v1/calls/CA9", "GET", ["transcribe"]);
  await refused("/v1/calls/CA1", "DELETE", ["read", "numbers"]);
  await refused("/v1/calls/CA1/resend", "POST", ["read"]);
  assert.notEqual(store.call("CA1"), null);
});

test("a live call is not deleted", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const { status, json } = await ask("/v1/calls/CA2", { method: "DELETE", scopes: ["admin"] });
  assert.deepEqual([status, json.code], [409, "CALL_LIVE"]);
  assert.notEqual(store.call("CA2"), null);
});

test("without any key this machine may read with masked numbers, and changes nothing", async (t) => {
  const { url, store } = await startRest(t);
  fillStore(store);
  const call = await fetch(`${url}/v1/calls/CA1`);
  assert.deepEqual([call.status, ((await call.json()) as { from: string }).from], [200, MASKED.from]);
  assert.equal((await fetch(`${url}/v1/calls/CA1`, { method: "DELETE" })).status, 403);
  assert.notEqual(store.call("CA1"), null);
});

test("a call of 3000 finals is read whole, in pieces", async (t) => {
  const { ask, store } = await startRest(t);
  fillStore(store);
  const draft = store.events("CA2")[0];
  assert.ok(draft?.type === "transcript.final");
  store.commit(
    "CA2",
    Array.from({ length: 2999 }, (_, index) => ({ ...draft, utterance: index + 2 })),
  );
  assert.equal((await ask("/v1/calls/CA2/transcript")).json.finals.length, 3000);
});
