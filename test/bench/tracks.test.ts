import assert from "node:assert/strict";
import { test } from "node:test";
import { arithmeticOf } from "../../bench/tracks.ts";

test("what a core carries is reckoned from tracks that were carried", () => {
  const rows = [
    { packetUs: 95, carried: true },
    { packetUs: 80, carried: true },
    { packetUs: 40, carried: false },
  ];
  assert.match(arithmeticOf(rows), /at 80 us .* full with 250 tracks, and 70 % in use with 175$/);
  for (const none of [[], rows.slice(2), [{ packetUs: null, carried: true }]])
    assert.match(arithmeticOf(none), /at - us .* full with - tracks, and 70 % in use with -$/);
});
