/**
 * Token ids to text, by Hugging Face's tokenizer library.
 */
import { readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";
import { LinescribeError, messageOf } from "../base/error.ts";
import { splitWords, type TokenWord } from "./words.ts";

export interface TextDecoderOfTokens {
  /** The text of `tokens` without special tokens, trimmed. Bytes that are not UTF-8 become U+FFFD. */
  decode(tokens: readonly number[]): string;
  /** The words of `tokens`, see `splitWords`. */
  words(tokens: readonly number[], language: string): TokenWord[];
  /** Token ids of a text, without special tokens. */
  encode(text: string): number[];
}

/**
 * Loads a `tokenizer.json`.
 *
 * @throws {LinescribeError} `MODEL_MISSING` when there is no such file, `MODEL_ALTERED` when it is no tokenizer.
 */
export function loadTokenizer(path: string): TextDecoderOfTokens {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new LinescribeError("MODEL_MISSING", `There is no tokenizer ${path}`, { cause });
  }
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(JSON.parse(text), { clean_up_tokenization_spaces: false });
  } catch (cause) {
    throw new LinescribeError("MODEL_ALTERED", `${path} is not a tokenizer: ${messageOf(cause)}`, { cause });
  }
  const decode = (tokens: readonly number[]): string =>
    tokens.length === 0 ? "" : tokenizer.decode([...tokens], { skip_special_tokens: true });
  return {
    decode: (tokens) => decode(tokens).trim(),
    words: (tokens, language) => splitWords(tokens, decode, language),
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
  };
}
