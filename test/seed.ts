/**
 * Properties are tried with the same values in every run of a commit, so that what passed once passes again.
 * `FC_SEED=random` draws others, `FC_SEED=<number>` those of a run that failed.
 */
import fc from "fast-check";

const FIXED = 20_261_123;

const { FC_SEED: asked } = process.env;
if (asked !== "random") {
  const seed = asked === undefined ? FIXED : Number(asked);
  if (!Number.isInteger(seed)) throw new Error(`Expected FC_SEED to be "random" or an integer, got ${asked}`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
