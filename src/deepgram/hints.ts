/**
 * `keyterm` and `keywords` as hints: what is likely to be said.
 */
import { asHints } from "../asr/hints.ts";
import { LinescribeError } from "../base/error.ts";
import { badOption } from "../http/api-error.ts";
import type { Query } from "./query.ts";

/** `word:boost`. A boost of ours has one strength, so that of a positive one only its sign counts. */
const BOOSTED = /^(.*):(-?\d+(?:\.\d+)?)$/su;

/** @throws {ApiError} 400 for a keyword that is to be suppressed, and for terms that are no hints. */
export function hintsOf(query: Query): readonly string[] {
  const keywords = query.all("keywords").map((text) => {
    const [, word = text, boost = "1"] = BOOSTED.exec(text) ?? [];
    if (Number(boost) > 0) return word;
    throw badOption("keywords", 'Expected the boost of "keywords" to be above 0: nothing is suppressed');
  });
  const keyterms = query.all("keyterm");
  try {
    return asHints([...keyterms, ...keywords]);
  } catch (error) {
    if (!(error instanceof LinescribeError)) throw error;
    throw badOption(keyterms.length > 0 ? "keyterm" : "keywords", error.message);
  }
}
