/**
 * What a search with hints needs besides the audio: the trie as tensors, and biases towards the beginnings of hints.
 */
import { Tensor } from "onnxruntime-node";
import { type Biases, NEVER } from "./bias.ts";
import { type Beginning, compileHints, type HintTrie } from "./hint-trie.ts";

export interface HintInputs {
  /** Inputs `hint_…` of the model, see models/README.md. */
  feeds: Readonly<Record<string, Tensor>>;
  biases: Pick<Biases, "every" | "first"> & {
    /** `first` of utterances that are an answer of a word. float32 [1, vocabulary] */
    answer: Float32Array;
  };
}

/** Lists that are kept compiled: calls of as many numbers may alternate without compiling again. */
const KEPT_LISTS = 32;

/** Compiles lists of hints, each once while it is in use. */
export class HintCompiler {
  readonly #encode: (text: string) => readonly number[];
  readonly #biases: Biases;
  /** By content, the one used last at the end. */
  readonly #compiled = new Map<string, HintInputs>();

  constructor(encode: (text: string) => readonly number[], biases: Biases) {
    this.#encode = encode;
    this.#biases = biases;
  }

  /** @param hints - What `asHints` returned. */
  compile(hints: readonly string[]): HintInputs {
    const key = hints.join("\n");
    const inputs = this.#compiled.get(key) ?? this.#inputsOf(compileHints(hints, this.#encode));
    this.#compiled.delete(key);
    this.#compiled.set(key, inputs);
    for (const [oldest] of this.#compiled) {
      if (this.#compiled.size <= KEPT_LISTS) break;
      this.#compiled.delete(oldest);
    }
    return inputs;
  }

  #inputsOf({ tokens, bonus, next, debt, root, states, children }: HintTrie): HintInputs {
    const { every, first } = this.#biases;
    const rootStates = new BigInt64Array(every.length);
    for (const [token, { state }] of root) rootStates[token] = BigInt(state);
    const feeds = {
      hint_tokens: new Tensor("int64", tokens, [states, children]),
      hint_bonus: new Tensor("float32", bonus, [states, children]),
      hint_next: new Tensor("int64", next, [states, children]),
      hint_debt: new Tensor("float32", debt, [states]),
      hint_root: new Tensor("int64", rootStates, [every.length]),
    };
    const hinted = towards(first, root, "first");
    const answer = root.size === 0 ? hinted : towards(first, root, "answer");
    return { feeds, biases: { every: towards(every, root, "later"), first: hinted, answer } };
  }
}

/** A bias under which beginning a hint is worth something, unless it is forbidden. */
function towards(
  bias: Float32Array,
  root: HintTrie["root"],
  place: keyof Omit<Beginning, "state">,
): Float32Array {
  const result = bias.slice();
  for (const [token, beginning] of root) {
    if (result[token] !== NEVER) result[token] = beginning[place];
  }
  return result;
}
