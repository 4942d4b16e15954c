import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { compileHints, type HintTrie, MAXIMUM_CHILDREN, MAXIMUM_STATES } from "../../src/asr/hint-trie.ts";
import { asHints } from "../../src/asr/hints.ts";
import { loadTokenizer } from "../../src/asr/tokenizer.ts";
import { MODEL } from "./clips.ts";

const { encode, decode } = loadTokenizer(MODEL.tokenizerPath);

interface Step {
  token: number;
  bonus: number;
  state: number;
}

/** The children of a state, read from the arrays as the graph reads them. */
function childrenOf({ tokens, bonus, next, children }: HintTrie, state: number): Step[] {
  return Array.from({ length: children }, (_, index) => ({
    token: Number(tokens[state * children + index]),
    bonus: bonus[state * children + index] as number,
    state: Number(next[state * children + index]),
  })).filter(({ token }) => token !== -1);
}

/** Every path from the root, with the bonuses on it. */
function* walk(trie: HintTrie): Generator<Step[]> {
  const first = [...trie.root].map(([token, { state, later }]) => [{ token, state, bonus: later }]);
  for (const waiting = first; waiting.length > 0; ) {
    const path = waiting.pop() as Step[];
    yield path;
    for (const step of childrenOf(trie, (path.at(-1) as Step).state)) waiting.push([...path, step]);
  }
}

/** Where a text leads, or null when the trie does not know it. */
function follow(trie: HintTrie, text: string): Step[] | null {
  const [first, ...rest] = encode(` ${text}`);
  const start = trie.root.get(first as number);
  if (start === undefined) return null;
  const path = [{ token: first as number, state: start.state, bonus: start.later }];
  for (const token of rest) {
    const step = childrenOf(trie, (path.at(-1) as Step).state).find((child) => child.token === token);
    if (!step) return null;
    path.push(step);
  }
  return path;
}

const earned = (path: readonly Step[]) => path.reduce((sum, { bonus }) => sum + bonus, 0);
const end = (path: readonly Step[] | null) => path?.at(-1)?.state ?? -1;

/** Names as people write them, and anything else that is no control character. */
const hintLists = fc
  .array(
    fc.oneof(
      fc.stringMatching(/^[A-Z][a-z]{1,9}( [A-Z][a-z]{1,9})?$/),
      fc
        .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
        .filter((text) => /[\p{L}\p{N}]/u.test(text)),
    ),
    { maxLength: 40 },
  )
  .map((list) => {
    try {
      return asHints(list);
    } catch {
      return [];
    }
  });

test("each hint is a path through the trie at whose end nothing is owed", () => {
  fc.assert(
    fc.property(hintLists, (hints) => {
      const trie = compileHints(hints, encode);
      assert.equal(trie.leftOut, 0);
      for (const hint of hints) assert.equal(trie.debt[end(follow(trie, hint))], 0, hint);
    }),
  );
});

test("what is owed at a state is what was given since the last complete hint, and every path leads to one", () => {
  fc.assert(
    fc.property(hintLists, (hints) => {
      const trie = compileHints(hints, encode);
      const visited = new Set([0]);
      for (const path of walk(trie)) {
        const state = end(path);
        visited.add(state);
        const isLeaf = childrenOf(trie, state).length === 0;
        const debt = trie.debt[state] as number;
        if (isLeaf) assert.equal(debt, 0, decode(path.map(({ token }) => token)));
        if (debt === 0) continue;
        const paid = path.findLastIndex((step) => trie.debt[step.state] === 0);
        assert.ok(Math.abs(debt - earned(path.slice(paid + 1))) < 1e-4);
        assert.ok(debt > 0);
      }
      assert.equal(visited.size, trie.states, "every state is reached, by one path");
    }),
  );
});

test("a complete hint keeps 5 at most, however long it is", () => {
  fc.assert(
    fc.property(hintLists, (hints) => {
      const trie = compileHints(hints, encode);
      for (const path of walk(trie)) {
        if (trie.debt[end(path)] === 0) assert.ok(earned(path) <= 5 + 1e-4, `${earned(path)}`);
      }
    }),
  );
});

test("the arrays have the sizes that they say, and children stand side by side with -1 behind them", () => {
  fc.assert(
    fc.property(hintLists, (hints) => {
      const { tokens, bonus, next, debt, states, children } = compileHints(hints, encode);
      assert.deepEqual(
        [tokens.length, bonus.length, next.length, debt.length],
        [...Array(3).fill(states * children), states],
      );
      assert.ok(states >= 1 && children >= 1 && children <= MAXIMUM_CHILDREN);
      for (let state = 0; state < states; state++) {
        const row = [...tokens.subarray(state * children, (state + 1) * children)];
        const known = row.filter((token) => token !== -1n);
        assert.equal(new Set(known).size, known.length, "no child twice");
        assert.deepEqual(row.slice(known.length), Array(children - known.length).fill(-1n));
      }
      assert.equal(debt[0], 0);
    }),
  );
});

test("no hints are one state without children", () => {
  const trie = compileHints([], encode);
  assert.deepEqual(
    { ...trie, root: [...trie.root] },
    {
      tokens: BigInt64Array.of(-1n),
      bonus: Float32Array.of(0),
      next: BigInt64Array.of(0n),
      debt: Float32Array.of(0),
      root: [],
      states: 1,
      children: 1,
      leftOut: 0,
    },
  );
});

test("a hint is known as it is given and as it begins a sentence, but not as another word of the same letters", () => {
  const trie = compileHints(["Dedalus", "hazewrapped", "Will"], encode);
  for (const known of ["Dedalus", "hazewrapped", "Hazewrapped", "Will"]) {
    assert.equal(trie.debt[end(follow(trie, known))], 0, known);
  }
  assert.equal(follow(trie, "dedalus"), null);
  assert.equal(follow(trie, "will"), null);
});

test("a hint of one token is worth most as an answer, less in front of more, and behind other words only when it is a name", () => {
  const { root } = compileHints(["Lincoln", "8", "eight", "Dedalus"], encode);
  const worth = (text: string) => {
    const nothing = { first: 0, answer: 0, later: 0 };
    const { first, answer, later } = root.get(encode(` ${text}`)[0] as number) ?? nothing;
    return [answer, first, later];
  };
  assert.deepEqual(worth("Lincoln"), [5.5, 3, 2]);
  assert.deepEqual(worth("8"), [5.5, 3, 0]);
  assert.deepEqual(worth("eight"), [5.5, 3, 0]);
  assert.deepEqual(worth("Eight"), [5.5, 3, 0]);
  assert.deepEqual(worth("Dedalus"), [2, 2, 2]);
  assert.deepEqual(worth("house"), [0, 0, 0]);
});

test("a longer hint goes on from a shorter one, which is complete by itself", () => {
  const trie = compileHints(["San", "San Francisco"], encode);
  const short = follow(trie, "San") as Step[];
  const long = follow(trie, "San Francisco") as Step[];
  assert.deepEqual(long.slice(0, short.length), short);
  assert.equal(trie.debt[end(short)], 0);
  assert.equal(trie.debt[end(long)], 0);
  assert.ok(long.length > short.length);
});

test("hints that the trie has no room for are counted, and it stays within its bounds", () => {
  const long = Array.from({ length: 1000 }, (_, n) => `${n} ${"🙂漢".repeat(30)}`);
  const deep = compileHints(asHints(long), encode);
  assert.ok(deep.states <= MAXIMUM_STATES, `${deep.states} states`);
  assert.ok(deep.leftOut > 0);
  // One token, then a thousand ways to go on.
  const wide = compileHints(
    Array.from({ length: 1000 }, (_, n) => `${n}`),
    (text) => [7, 100 + Number(text.trim())],
  );
  assert.equal(wide.children, MAXIMUM_CHILDREN);
  assert.equal(wide.leftOut, 1000 - MAXIMUM_CHILDREN);
  assert.equal(wide.states, 2 + MAXIMUM_CHILDREN);
});
