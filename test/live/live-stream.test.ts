import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { EventReader, eventOf, finalOf, startStream, storedCall } from "./rig.ts";

test("a stream begins with a snapshot and goes on with news, numbers masked in both", async (t) => {
  const { url, feed, tick } = await startStream(t);
  feed.event(finalOf("CA1", 1, "Hello."));
  const reader = await EventReader.open(url);
  assert.equal(reader.response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const snapshot = await reader.next();
  assert.ok(snapshot?.event === "snapshot");
  assert.deepEqual([snapshot.data[0]?.from, snapshot.data[0]?.to], ["...33", "...11"]);
  const started = { type: "call.started", from: "+15559998877", to: "+15550001111", mode: "start" } as const;
  const facts = { tracks: [], language: "en", announcement: null, parameters: {} };
  feed.event(eventOf("CA2", 1, { ...started, ...facts }));
  tick();
  const news = await reader.next();
  assert.ok(news?.event === "news");
  assert.equal(news.data[0]?.type === "call.started" && news.data[0].from, "...77");
  reader.close();
});

test("text of a caller cannot break out of an event", async (t) => {
  const { url, feed } = await startStream(t);
  const text = "a\n\nevent: news\ndata: []\r\n\u2028</script>";
  feed.event(finalOf("CA1", 1, text));
  const reader = await EventReader.open(url);
  const snapshot = await reader.next();
  assert.ok(snapshot?.event === "snapshot");
  assert.equal(snapshot.data[0]?.lines[0]?.text, text);
  reader.close();
});

test("one call can be watched alone; a wrong option is refused by name", async (t) => {
  const { url, feed } = await startStream(t);
  feed.event(finalOf("CA1", 1, "One."));
  feed.event(finalOf("CA2", 1, "Two."));
  const reader = await EventReader.open(`${url}?call=CA2`);
  const snapshot = await reader.next();
  assert.ok(snapshot?.event === "snapshot");
  assert.deepEqual(
    snapshot.data.map(({ callSid }) => callSid),
    ["CA2"],
  );
  reader.close();
  for (const [query, param] of [
    ["call=", "call"],
    ["call=a%20b", "call"],
    ["call=a&call=b", "call"],
    ["color=red", "color"],
  ]) {
    const response = await fetch(`${url}?${query}`);
    assert.equal(response.status, 400, query);
    const body = (await response.json()) as { code: string; param: string };
    assert.deepEqual([body.code, body.param], ["REQUEST_UNSUPPORTED_OPTION", param]);
  }
});

test("one watcher too many is refused, and a place is free again when one leaves", async (t) => {
  const { url, counters } = await startStream(t, { maximumRequests: 1 });
  const reader = await EventReader.open(url);
  await reader.next();
  const refused = await fetch(url);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "5");
  reader.close();
  let again = await EventReader.open(url);
  while (again.response.status === 503) again = await EventReader.open(url);
  assert.equal((await again.next())?.event, "snapshot");
  assert.equal(counters.get("live.refused") > 0, true);
  again.close();
});

test("a client that reads nothing holds up nobody and little memory", async (t) => {
  const calls = Array.from({ length: 50 }, (_, index) => storedCall(`CA${index}`));
  const { url, feed, tick, counters } = await startStream(t, {}, calls);
  const { port } = new URL(url);
  const stuck = connect(Number(port), "127.0.0.1");
  stuck.pause();
  stuck.write("GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  while (counters.get("live.watched") === 0) await new Promise((resolve) => setImmediate(resolve));
  const reader = await EventReader.open(url);
  await reader.next();
  let read = 0;
  for (let utterance = 1; utterance <= 400; utterance += 1) {
    for (const { callSid } of calls) feed.event(finalOf(callSid, utterance, "x".repeat(200)));
    tick();
    const told = await reader.next();
    if (told?.event === "news") read += told.data.length;
  }
  assert.equal(read, 400 * calls.length);
  assert.equal(counters.get("live.behind"), 1, "the one that does not read is told nothing more");
  reader.close();
  stuck.destroy();
});

test("when the server drains, streams end and new ones are refused", async (t) => {
  const { url, stream } = await startStream(t);
  const reader = await EventReader.open(url);
  await reader.next();
  stream.close();
  assert.equal(await reader.next(), null);
  assert.equal((await fetch(url)).status, 503);
});
