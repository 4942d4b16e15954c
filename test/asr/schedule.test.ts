import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { CARD_RULES, CPU_RULES, paddedSamples } from "../../src/asr/batch-rules.ts";
import { NO_HINTS } from "../../src/asr/hints.ts";
import { PRIORITIES, type Priority, Schedule, type Scheduled } from "../../src/asr/schedule.ts";
import { Counters } from "../../src/base/counters.ts";

interface Item extends Scheduled {
  id: number;
}

const SOME_HINTS: readonly string[] = ["Alice"];

let ids = 0;
function item(priority: Priority, source: string, seconds = 2, more: Partial<Item> = {}): Item {
  ids += 1;
  return {
    id: ids,
    priority,
    source,
    language: "en",
    windowSamples: seconds * 16_000,
    hints: NO_HINTS,
    alone: false,
    ...more,
  };
}

function scheduleOf(items: Item[], maximum = 1000, counters = new Counters()): Schedule<Item> {
  const schedule = new Schedule<Item>({
    maximum: { final: maximum, speculative: maximum, partial: maximum, file: maximum },
    counters,
  });
  for (const each of items) schedule.add(each);
  return schedule;
}

/** The order in which items are taken, one at a time. */
function order(schedule: Schedule<Item>): Item[] {
  const taken: Item[] = [];
  while (schedule.length > 0) taken.push(...schedule.take(CPU_RULES, { rows: 1 }));
  return taken;
}

test("finals go before speculative finals, and those before partials, whatever came first", () => {
  const items = [item("partial", "a"), item("speculative", "b"), item("final", "c"), item("final", "d")];
  const expected = ["c", "d", "b", "a"];
  assert.deepEqual(
    order(scheduleOf(items)).map(({ source }) => source),
    expected,
  );
});

test("files wait for everything live, and may be left out", () => {
  const items = [item("file", "f"), item("file", "f"), item("partial", "a"), item("final", "b")];
  const schedule = scheduleOf(items);
  const live = () => schedule.take(CPU_RULES, { accepts: ({ priority }) => priority !== "file" });
  assert.equal(schedule.live, 2);
  assert.deepEqual(
    [live(), live(), live()].map((taken) => taken.map(({ source }) => source)),
    [["b"], ["a"], []],
  );
  assert.equal(schedule.live, 0);
  assert.equal(schedule.length, 2);
  assert.equal(schedule.take(CPU_RULES).length, 2);
});

test("a source that floods waits for itself: another's utterance is before all but 20 s of it", () => {
  const flood = Array.from({ length: 100 }, () => item("final", "flood"));
  const schedule = scheduleOf(flood);
  schedule.take(CPU_RULES, { rows: 1 });
  const late = item("final", "late");
  schedule.add(late);
  const taken = order(schedule);
  assert.ok(taken.indexOf(late) <= 10, `taken as number ${taken.indexOf(late)}`);
});

test("a source that has just been given much is not overtaken for it, as long as it waits with one utterance", () => {
  const [long, next, other] = [item("final", "a", 20), item("final", "a"), item("final", "b")];
  const schedule = scheduleOf([long]);
  schedule.take(CPU_RULES, { rows: 1 });
  schedule.add(next);
  schedule.add(other);
  assert.deepEqual(order(schedule), [next, other]);
});

test("a new partial takes the place and the turn of the one that waits", () => {
  const counters = new Counters();
  const [old, other, newer] = [item("partial", "a"), item("partial", "b"), item("partial", "a", 3)];
  const schedule = scheduleOf([old, other], 10, counters);
  assert.equal(schedule.add(newer), old);
  assert.deepEqual(order(schedule), [newer, other]);
  assert.equal(counters.get("asr.partials.superseded"), 1);
});

test("one more than the maximum is refused and counted, for its priority only", () => {
  const counters = new Counters();
  const schedule = scheduleOf([item("final", "a"), item("final", "b")], 2, counters);
  assert.equal(schedule.add(item("final", "c")), "refused");
  assert.equal(schedule.add(item("partial", "c")), null);
  assert.equal(counters.get("asr.finals.refused"), 1);
  assert.equal(counters.get("asr.finals.added"), 2);
});

test("what is put back is next, and alone when it must be", () => {
  const again = item("final", "a", 2, { alone: true });
  const schedule = scheduleOf([item("final", "b"), item("final", "c")]);
  schedule.putBack(again);
  assert.deepEqual(schedule.take(CPU_RULES), [again]);
  assert.equal(schedule.take(CPU_RULES).length, 2);
});

test("a removed item is gone, and removing it again says so", () => {
  const [first, second] = [item("speculative", "a"), item("speculative", "b")];
  const schedule = scheduleOf([first, second]);
  assert.equal(schedule.remove(first), true);
  assert.equal(schedule.remove(first), false);
  assert.deepEqual(schedule.drain(), [second]);
});

test("what was removed costs its source no turn", () => {
  const [given, first] = [item("speculative", "a", 29), item("final", "b")];
  const schedule = scheduleOf([given, first]);
  schedule.remove(given);
  const promoted = item("final", "a", 9);
  schedule.add(promoted);
  schedule.add(item("final", "c"));
  assert.equal(order(schedule).indexOf(promoted), 1);
});

const anyItem = fc
  .record({
    priority: fc.constantFrom(...PRIORITIES),
    source: fc.constantFrom("a", "b", "c", "d"),
    language: fc.constantFrom("en", "es"),
    hints: fc.constantFrom(NO_HINTS, SOME_HINTS),
    seconds: fc.integer({ min: 1, max: 30 }),
    alone: fc.boolean(),
  })
  .map(({ priority, source, seconds, ...more }) => item(priority, source, seconds, more));
const anyStep = fc.oneof(
  { weight: 3, arbitrary: anyItem.map((added) => ({ kind: "add" as const, added })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }).map((most) => ({ kind: "take" as const, most })) },
);

test("utterances that are given other hints wait for a batch of their own", () => {
  const hints = [NO_HINTS, SOME_HINTS, NO_HINTS, SOME_HINTS];
  const schedule = scheduleOf(hints.map((each, index) => item("final", `${index}`, 1, { hints: each })));
  const sources = () => schedule.take(CPU_RULES).map(({ source }) => source);
  assert.deepEqual(
    [sources(), sources()],
    [
      ["0", "2"],
      ["1", "3"],
    ],
  );
});

test("whatever comes, every item leaves once: taken, superseded or refused", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      const schedule = scheduleOf([], 8);
      const left = new Map<number, number>();
      const leave = ({ id }: Item): void => void left.set(id, (left.get(id) ?? 0) + 1);
      const added: Item[] = [];
      for (const step of steps) {
        if (step.kind === "take")
          for (const taken of schedule.take(CPU_RULES, { rows: step.most })) leave(taken);
        else {
          added.push(step.added);
          const displaced = schedule.add(step.added);
          if (displaced === "refused") leave(step.added);
          else if (displaced) leave(displaced);
        }
      }
      for (const rest of schedule.drain()) leave(rest);
      assert.deepEqual([...left.keys()].sort(), added.map(({ id }) => id).sort());
      assert.ok([...left.values()].every((times) => times === 1));
    }),
  );
});

test("a batch has one priority, one language and one list of hints, little padding and a bounded length", () => {
  fc.assert(
    fc.property(fc.array(anyItem, { minLength: 1, maxLength: 40 }), (items) => {
      const schedule = scheduleOf(items);
      while (schedule.length > 0) {
        const batch = schedule.take(CPU_RULES, { rows: 6 });
        assert.ok(batch.length >= 1 && batch.length <= 6);
        if (batch.length === 1) continue;
        const windows = batch.map(({ windowSamples }) => windowSamples);
        const padded = Math.max(...windows) * batch.length;
        assert.ok(padded <= 8 * 16_000);
        assert.ok(windows.reduce((sum, each) => sum + each, 0) >= 0.8 * padded);
        assert.equal(new Set(batch.map(({ priority, language }) => priority + language)).size, 1);
        assert.equal(new Set(batch.map(({ hints }) => hints)).size, 1);
        assert.ok(batch.every(({ alone }) => !alone));
      }
    }),
  );
});

test("sources with work waiting are served equally, to within one utterance each and the credit", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 20, maxLength: 40 });
  fc.assert(
    fc.property(fc.tuple(lengths, lengths, lengths), (sources) => {
      const items = sources.flatMap((each, index) => each.map((s) => item("final", `s${index}`, s)));
      const schedule = scheduleOf(items);
      const served = new Map<string, number>(sources.map((_, index) => [`s${index}`, 0]));
      const waiting = new Map<string, number>(sources.map((each, index) => [`s${index}`, each.length]));
      while ([...waiting.values()].every((count) => count > 0)) {
        const [next] = schedule.take(CPU_RULES, { rows: 1 }) as [Item];
        served.set(next.source, (served.get(next.source) as number) + next.windowSamples / 16_000);
        waiting.set(next.source, (waiting.get(next.source) as number) - 1);
        const seconds = [...served.values()];
        assert.ok(Math.max(...seconds) - Math.min(...seconds) <= 80, `${seconds}`);
      }
    }),
  );
});

/** What a card takes, batch by batch, until nothing is left. */
function batchesOf(schedule: Schedule<Item>): Item[][] {
  const batches: Item[][] = [];
  while (schedule.length > 0) batches.push(schedule.take(CARD_RULES));
  return batches;
}
const crowd = fc.array(anyItem, { minLength: 60, maxLength: 200 });

test("a card's batches of up to 64 lose nothing, take nothing twice, and are padded within bounds", () => {
  fc.assert(
    fc.property(crowd, (items) => {
      const schedule = scheduleOf([]);
      const superseded = items.map((each) => schedule.add(each)).filter((out) => out && out !== "refused");
      const batches = batchesOf(schedule);
      const left = [...batches.flat(), ...(superseded as Item[])].map(({ id }) => id).sort();
      assert.deepEqual(left, items.map(({ id }) => id).sort());
      for (const batch of batches.filter(({ length }) => length > 1)) {
        const windows = batch.map(({ windowSamples }) => windowSamples);
        const used = windows.reduce((sum, each) => sum + each, 0);
        assert.ok(batch.length <= 64);
        assert.ok(paddedSamples(windows, CARD_RULES) <= 320 * 16_000);
        assert.ok(used >= (1 - CARD_RULES.wasteShare) * Math.max(...windows) * batch.length);
        assert.equal(new Set(batch.map(({ language }) => language)).size, 1);
        assert.equal(new Set(batch.map(({ hints }) => hints)).size, 1);
        assert.ok(batch.every(({ alone }) => !alone));
      }
    }),
    { numRuns: 50 },
  );
});

test("a card takes finals first, the one that has waited longest before all, and fills up with speculative ones", () => {
  fc.assert(
    fc.property(crowd, (items) => {
      // Each of a source of its own: all have the same right.
      const schedule = scheduleOf(items.map((each, index) => ({ ...each, source: `s${index}` })));
      const batches = batchesOf(schedule);
      let previous = 0;
      for (const [index, [first, ...others]] of batches.entries()) {
        const { priority, id } = first as Item;
        const later = batches.slice(index).flat();
        const rank = PRIORITIES.indexOf(priority);
        assert.ok(later.every((other) => PRIORITIES.indexOf(other.priority) >= rank || priority === "final"));
        assert.ok(later.every((other) => other.priority !== priority || other.id >= id));
        assert.ok(rank >= previous);
        previous = rank;
        const allowed = priority === "final" ? ["final", "speculative"] : [priority];
        assert.ok(others.every((other) => allowed.includes(other.priority)));
      }
    }),
    { numRuns: 50 },
  );
});

test("a processor does not make finals wait for speculative ones, a card takes them along", () => {
  const items = () => [item("final", "a"), item("speculative", "b"), item("final", "c")];
  assert.equal(scheduleOf(items()).take(CPU_RULES).length, 2);
  assert.equal(scheduleOf(items()).take(CARD_RULES).length, 3);
});

test("a source that floods a card with 1000 finals keeps another waiting for one batch at most", () => {
  const schedule = scheduleOf(Array.from({ length: 1000 }, () => item("final", "flood")));
  schedule.take(CARD_RULES);
  const late = item("final", "late");
  schedule.add(late);
  assert.ok([...schedule.take(CARD_RULES), ...schedule.take(CARD_RULES)].includes(late));
});

test("how many are for processors is known whatever is added, superseded, taken, put back, removed or drained", () => {
  const step = fc.record({
    kind: fc.constantFrom("add", "add", "take", "putBack", "remove", "drain"),
    priority: fc.constantFrom(...PRIORITIES),
    source: fc.constantFrom("a", "b"),
    offCards: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const schedule = scheduleOf([], 5);
      const waiting = () => PRIORITIES.flatMap((priority) => schedule.waiting(priority));
      let taken: Item[] = [];
      for (const { kind, priority, source, offCards } of steps) {
        if (kind === "add") schedule.add(item(priority, source, 2, { offCards }));
        if (kind === "take")
          taken = schedule.take(CARD_RULES, { accepts: (each) => !each.offCards || offCards });
        if (kind === "putBack")
          for (const each of taken.splice(0)) schedule.putBack({ ...each, offCards: true });
        if (kind === "remove") for (const each of waiting().slice(0, 1)) schedule.remove(each);
        if (kind === "drain") schedule.drain((each) => each.source === source);
        assert.equal(schedule.offCards, waiting().filter((each) => each.offCards).length);
      }
    }),
  );
});
