import assert from "node:assert/strict";
import { test } from "node:test";
import { CallsClient, Refused } from "../../src/browser/calls-client.js";
import { Reread } from "../../src/browser/reread.js";

const TICK_MS = 50;

/** A page that ticks, whose reads answer what they are told to. */
function stage(answers: (number | "ok")[]) {
  const page = { hidden: false };
  const clock = { now: 0 };
  const readAt: number[] = [];
  const tried: boolean[] = [];
  const reread = new Reread({ read: () => read(), page, now: () => clock.now });
  const read = (): void => {
    reread.begun();
    readAt.push(clock.now);
    const answer = answers.shift() ?? "ok";
    if (answer === "ok") reread.worked();
    else tried.push(reread.failed(new Refused(answer, "CODE", "")));
  };
  const wait = (ms: number): void => {
    for (const end = clock.now + ms; clock.now < end; ) {
      clock.now += TICK_MS;
      reread.tick();
    }
  };
  return { page, readAt, tried, read, wait };
}

test("what fails and may pass is read again, soon at first and then ever more seldom, until it works", () => {
  const { read, wait, readAt, tried } = stage([0, 503, 429, 408, 500, 0, 0, "ok", 503, "ok"]);
  read();
  wait(60_000);
  const waits = readAt.slice(1).map((at, index) => at - (readAt[index] as number));
  assert.equal(waits.length, 7);
  const wanted = [250, 500, 1000, 2000, 4000, 5000, 5000];
  for (const [index, waitMs] of waits.entries()) {
    const nominal = wanted[index] as number;
    assert.ok(waitMs >= nominal * 0.8 && waitMs <= nominal * 1.2 + TICK_MS, `${index}: ${waitMs}`);
  }
  assert.ok(tried.every((again) => again));
  const before = readAt.length;
  read();
  wait(400);
  assert.equal(readAt.length, before + 2, "after a success the first wait is short again");
});

test("what trying again does not help is not read again", () => {
  for (const status of [400, 401, 403, 404, 409]) {
    const { read, wait, readAt, tried } = stage([status]);
    read();
    wait(60_000);
    assert.deepEqual([readAt.length, tried], [1, [false]], `${status}`);
  }
});

test("nothing is read while nobody looks, and at once when somebody does", () => {
  const { page, read, wait, readAt } = stage([0]);
  read();
  page.hidden = true;
  wait(60_000);
  assert.equal(readAt.length, 1);
  page.hidden = false;
  wait(TICK_MS);
  assert.equal(readAt.length, 2);
});

test("a read that somebody else began takes the place of the one that was due", () => {
  const { read, wait, readAt } = stage([0, "ok"]);
  read();
  read();
  wait(60_000);
  assert.equal(readAt.length, 2);
});

test("an answer that is cut off, or none, is no answer; one that was given up is no failure", async () => {
  const clientOf = (answer: () => Promise<Response>): CallsClient => new CallsClient(answer as typeof fetch);
  const refusal = async (answer: () => Promise<Response>): Promise<unknown[]> =>
    clientOf(answer)
      .document()
      .then(
        () => assert.fail(),
        (error: Refused) => [error.status, error.code, error.isPassing, error.isLogin],
      );
  const cut = async (): Promise<Response> => new Response('{"openapi": ');
  assert.deepEqual(await refusal(cut), [0, "PAGE_OFFLINE", true, false]);
  const lost = (): Promise<Response> => Promise.reject(new TypeError("Failed to fetch"));
  assert.deepEqual(await refusal(lost), [0, "PAGE_OFFLINE", true, false]);
  const broken = async (): Promise<Response> => new Response("<html>", { status: 502 });
  assert.deepEqual(await refusal(broken), [502, "REQUEST_FAILED", true, false]);
  const ended = async (): Promise<Response> =>
    new Response('{"code": "ACCESS_LOGIN_EXPIRED"}', { status: 401 });
  assert.deepEqual(await refusal(ended), [401, "ACCESS_LOGIN_EXPIRED", false, true]);
  const given = (): Promise<Response> => Promise.reject(new DOMException("", "AbortError"));
  await assert.rejects(clientOf(given).document(), { name: "AbortError" });
});
