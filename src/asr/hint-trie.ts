/**
 * Hints as the search within the model reads them: a trie of tokens, with what each step towards a hint is worth.
 *
 * A hypothesis that goes on along a hint is given a bonus for each token, so that it stays in the beam until the hint is
 * complete. Then it keeps little of it: a hint must be nearly as likely as what would be written without it. One that
 * leaves before pays everything back (its debt): a beginning alone earns nothing.
 */

/** States at most, the root included: 1000 names of three tokens, in two spellings each, take about 4000. */
export const MAXIMUM_STATES = 16_384;
/** Children of a state at most: each is one more candidate for every hypothesis at that state. */
export const MAXIMUM_CHILDREN = 64;

/** For the first token of a hint, natural-log score. With 3, hints are written that nobody said. */
const FIRST_BONUS = 2;
/** For a hint that is one token, where it begins an utterance: it may be an answer of one word. */
const OPENING_BONUS = 3;
/** The same where the utterance is so short that it can hardly be anything else. With 6, "minutes" becomes "2 minutes". */
const ANSWER_BONUS = 5.5;
/** For every later one. */
const NEXT_BONUS = 6;
/** What a complete hint keeps of all that at most. */
const KEPT = 5;

/** S states, C children at most. State 0 is the root, whose children stand in `root` instead of the rows. */
export interface HintTrie {
  /** Tokens of the children, filled up with -1. int64 [S, C] */
  tokens: BigInt64Array;
  /** What going to a child is worth; 0 where there is none. Negative where a complete hint gives back. float32 [S, C] */
  bonus: Float32Array;
  /** States of the children, 0 where there is none. int64 [S, C] */
  next: BigInt64Array;
  /** What leaving the trie at a state costs; 0 where a hint is complete. float32 [S] */
  debt: Float32Array;
  /** The tokens with which hints begin. */
  root: ReadonlyMap<number, Beginning>;
  /** S and C. */
  states: number;
  children: number;
  /** Hints left out because the trie was full. */
  leftOut: number;
}

export interface Beginning {
  /** The state that the token leads to. */
  state: number;
  /** What it is worth at the beginning of an utterance. */
  first: number;
  /** What it is worth at the beginning of one that is an answer of a word, by its length. */
  answer: number;
  /** What it is worth behind other words. */
  later: number;
}

interface Node {
  depth: number;
  /** Whether a hint ends here. */
  complete: boolean;
  /** Whether a name does: a hint that was given with a capital. */
  name: boolean;
  /** States by token. */
  children: Map<number, number>;
}

/**
 * Builds the trie of hints.
 *
 * @param hints - What `asHints` returned. Earlier ones have the place when not all fit.
 * @param encode - Token ids of a text.
 */
export function compileHints(
  hints: readonly string[],
  encode: (text: string) => readonly number[],
): HintTrie {
  const nodes: Node[] = [{ depth: 0, complete: false, name: false, children: new Map() }];
  let leftOut = 0;
  for (const hint of hints) {
    const paths = pathsOf(hint, encode);
    const name = /^\p{Lu}/u.test(hint);
    const added = paths.map((path) => add(nodes, path, name));
    if (!added.includes(true)) leftOut += 1;
  }
  return { ...layOut(nodes), leftOut };
}

/**
 * The token paths of a hint: as it is given, and as it begins a sentence. Not in lower case if it was not given so: the
 * first tokens of names are everyday words then ("he" of "hebrew"), and what is worth more everywhere harms other words.
 */
function pathsOf(hint: string, encode: (text: string) => readonly number[]): (readonly number[])[] {
  const capitalised = hint.replace(/^./u, (letter) => letter.toUpperCase());
  return [hint, capitalised].map((form) => encode(` ${form}`));
}

/** Adds a path with the states that it lacks; false when there is no room for all of them. */
function add(nodes: Node[], path: readonly number[], name: boolean): boolean {
  const { state, length } = follow(nodes, path);
  const room = state === 0 || (nodes[state] as Node).children.size < MAXIMUM_CHILDREN;
  const missing = path.slice(length);
  if (path.length === 0 || (missing.length > 0 && !room)) return false;
  if (nodes.length + missing.length > MAXIMUM_STATES) return false;
  let node = nodes[state] as Node;
  for (const token of missing) {
    node.children.set(token, nodes.length);
    node = { depth: node.depth + 1, complete: false, name: false, children: new Map() };
    nodes.push(node);
  }
  node.complete = true;
  node.name ||= name;
  return true;
}

/** How far a path is there already. */
function follow(nodes: readonly Node[], path: readonly number[]): { state: number; length: number } {
  let state = 0;
  for (const [length, token] of path.entries()) {
    const next = (nodes[state] as Node).children.get(token);
    if (next === undefined) return { state, length };
    state = next;
  }
  return { state, length: path.length };
}

/** What going to a node is worth when `earned` was given on the way. */
function bonusOf(node: Node, earned: number): number {
  if (node.depth === 1) return laterBonusOf(node);
  return node.complete ? Math.min(NEXT_BONUS, KEPT - earned) : NEXT_BONUS;
}

/**
 * What beginning a hint is worth behind other words: nothing when that is all of it and no name. Numbers and everyday
 * words that are rewarded at every step are written again and again ("8 8" for a spoken eight).
 */
function laterBonusOf({ complete, name }: Node): number {
  return complete && !name ? 0 : FIRST_BONUS;
}

function beginningOf(nodes: readonly Node[], state: number): Beginning {
  const node = nodes[state] as Node;
  const [first, answer] = node.complete ? [OPENING_BONUS, ANSWER_BONUS] : [FIRST_BONUS, FIRST_BONUS];
  return { state, first, answer, later: laterBonusOf(node) };
}

function layOut(nodes: readonly Node[]): Omit<HintTrie, "leftOut"> {
  const states = nodes.length;
  const width = Math.max(1, ...nodes.slice(1).map(({ children }) => children.size));
  const tokens = new BigInt64Array(states * width).fill(-1n);
  const bonus = new Float32Array(states * width);
  const next = new BigInt64Array(states * width);
  const debt = new Float32Array(states);
  /** Of each state, all that was given on the way to it. */
  const earned = new Float32Array(states);
  // States are numbered after their parents.
  for (const [state, { children }] of nodes.entries()) {
    for (const [index, [token, child]] of [...children].entries()) {
      const node = nodes[child] as Node;
      const value = bonusOf(node, earned[state] as number);
      earned[child] = (earned[state] as number) + value;
      debt[child] = node.complete ? 0 : (debt[state] as number) + value;
      if (state === 0) continue;
      tokens[state * width + index] = BigInt(token);
      bonus[state * width + index] = value;
      next[state * width + index] = BigInt(child);
    }
  }
  const root = new Map(
    [...(nodes[0] as Node).children].map(([token, state]) => [token, beginningOf(nodes, state)]),
  );
  return { tokens, bonus, next, debt, root, states, children: width };
}
