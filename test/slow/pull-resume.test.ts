import { test } from "node:test";
import { checkResuming } from "../hub/resuming.ts";

test("broken off at any byte and any number of times, over any number of runs, a pull ends with the same file", (t) =>
  checkResuming(t, 300));
