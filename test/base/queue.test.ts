import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Counters } from "../../src/base/counters.ts";
import { BoundedQueue, type QueuePolicy } from "../../src/base/queue.ts";

function queueOf(policy: QueuePolicy, maximum: number, onDrop?: (item: number) => void) {
  const counters = new Counters();
  const queue = new BoundedQueue<number>({ name: "q", maximum, policy, counters, ...(onDrop && { onDrop }) });
  return { queue, counters };
}

test("a queue that refuses keeps what it has, in order", () => {
  const { queue, counters } = queueOf("refuse", 2);
  assert.deepEqual([queue.push(1), queue.push(2), queue.push(3)], [true, true, false]);
  assert.deepEqual(queue.drain(), [1, 2]);
  assert.deepEqual(counters.snapshot(), { "q.added": 2, "q.refused": 1 });
});

test("a queue that drops loses its oldest and tells of it", () => {
  const dropped: number[] = [];
  const { queue, counters } = queueOf("dropOldest", 2, (item) => dropped.push(item));
  for (const item of [1, 2, 3]) assert.equal(queue.push(item), true);
  assert.deepEqual(dropped, [1]);
  assert.deepEqual([queue.shift(), queue.shift(), queue.shift()], [2, 3, undefined]);
  assert.deepEqual(counters.snapshot(), { "q.added": 3, "q.dropped": 1 });
});

test("what was taken may come back to the head of a full queue", () => {
  const { queue } = queueOf("refuse", 1);
  queue.push(1);
  const taken = queue.shift() as number;
  queue.push(2);
  queue.unshift(taken);
  assert.equal(queue.length, 2);
  assert.equal(queue.push(3), false);
  assert.deepEqual(queue.drain(), [1, 2]);
});

test("no run of pushes and shifts passes the maximum or loses count", () => {
  const steps = fc.array(fc.constantFrom("push", "shift"), { maxLength: 60 });
  fc.assert(
    fc.property(
      fc.constantFrom<QueuePolicy>("refuse", "dropOldest"),
      fc.integer({ min: 1, max: 5 }),
      steps,
      (policy, maximum, moves) => {
        const { queue, counters } = queueOf(policy, maximum);
        let shifted = 0;
        for (const [index, move] of moves.entries()) {
          if (move === "push") queue.push(index);
          else if (queue.shift() !== undefined) shifted += 1;
          assert.ok(queue.length <= maximum);
        }
        const pushed = moves.filter((move) => move === "push").length;
        assert.equal(counters.get("q.added") + counters.get("q.refused"), pushed);
        assert.equal(counters.get("q.added"), queue.length + shifted + counters.get("q.dropped"));
      },
    ),
  );
});

test("a queue without room is a mistake", () => {
  assert.throws(() => queueOf("refuse", 0), RangeError);
  assert.throws(() => queueOf("refuse", 1.5), RangeError);
});
