import assert from "node:assert/strict";
import { test } from "node:test";
import { Committer } from "../../src/app/committer.ts";
import { Counters } from "../../src/base/counters.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { Store } from "../../src/store/store.ts";
import { sampleCall, started, temporaryStore } from "../store/sample.ts";

const full = () => new LinescribeError("STORE_FULL", "no space", { retryable: true });

/** A committer over a real store that fails as often as `failures` says, with waits that the test ends. */
function committerOf(store: Store, failures: Error[]) {
  const counters = new Counters();
  const told: string[] = [];
  const waits: { ms: number; go: () => void }[] = [];
  const failing = {
    commit: (...args: Parameters<Store["commit"]>) => {
      const failure = failures.shift();
      if (failure) throw failure;
      return store.commit(...args);
    },
  } as Store;
  const committer = new Committer({
    store: failing,
    onCommitted: ({ id }) => told.push(id),
    logger: silentLogger,
    counters,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        waits.push({ ms, go: resolve });
        signal.addEventListener("abort", () => resolve());
      }),
  });
  return { committer, counters, told, waits };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("events wait for a store that is full, are committed once, and meanwhile the failure shows", async (t) => {
  const store = temporaryStore(t);
  store.openCall(sampleCall("CA1"));
  const { committer, counters, told, waits } = committerOf(store, [full(), full(), full()]);
  const committed = committer.commit("CA1", [started()]);
  for (const ms of [100, 200, 400]) {
    assert.equal(waits.at(-1)?.ms, ms);
    assert.equal(committer.failure?.code, "STORE_FULL");
    assert.deepEqual(told, []);
    waits.at(-1)?.go();
    await turn();
  }
  await committed;
  assert.equal(committer.failure, null);
  assert.deepEqual(told, ["msg_CA1_started"]);
  assert.equal(store.events("CA1").length, 1);
  assert.equal(counters.get("store.retries"), 3);
});

test("waits grow to five seconds and no further", async (t) => {
  const store = temporaryStore(t);
  store.openCall(sampleCall("CA1"));
  const { committer, waits } = committerOf(store, Array.from({ length: 8 }, full));
  const committed = committer.commit("CA1", [started()]);
  while (waits.length < 8) {
    waits.at(-1)?.go();
    await turn();
  }
  waits.at(-1)?.go();
  await committed;
  assert.deepEqual(
    waits.map(({ ms }) => ms),
    [100, 200, 400, 800, 1600, 3200, 5000, 5000],
  );
});

test("after stop every wait ends with one more try, and what fails then is rejected", async (t) => {
  const store = temporaryStore(t);
  store.openCall(sampleCall("CA1"));
  const { committer, told } = committerOf(store, [full(), full(), full()]);
  const first = committer.commit("CA1", [started()]);
  committer.stop();
  await assert.rejects(first, { code: "STORE_FULL" });
  await assert.rejects(committer.commit("CA1", [started()]), { code: "STORE_FULL" });
  await committer.commit("CA1", [started()]);
  assert.deepEqual(told, ["msg_CA1_started"]);
});

test("a mistake of our own is not tried again", async (t) => {
  const { committer, counters } = committerOf(temporaryStore(t), []);
  await assert.rejects(committer.commit("CA-unknown", [started()]), RangeError);
  assert.equal(counters.get("store.retries"), 0);
});

test("a listener that fails does not make the store commit again", async (t) => {
  const store = temporaryStore(t);
  store.openCall(sampleCall("CA1"));
  const committer = new Committer({
    store,
    onCommitted: () => {
      throw full();
    },
    logger: silentLogger,
    counters: new Counters(),
  });
  await assert.rejects(committer.commit("CA1", [started()]));
  assert.equal(store.events("CA1").length, 1);
});
