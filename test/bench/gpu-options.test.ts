import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OPTIONS, parseOptions } from "../../bench/gpu/options.ts";

test("a card climbs to thousands of calls and a processor to some, and both by what was asked for", () => {
  assert.equal(parseOptions({ device: "cuda:1" }).calls.at(-1), 4000);
  assert.deepEqual(parseOptions({ device: "cuda:1" }).device, { kind: "cuda", card: 1 });
  assert.ok((parseOptions({ device: "cpu" }).calls.at(-1) as number) < 100);
  assert.deepEqual(parseOptions({}).batches, [1, 2, 4, 8, 16, 32, 64]);
  const asked = parseOptions({
    device: "cpu",
    batches: "4,1",
    seconds: "0.5,20",
    loads: "finals",
    calls: "8,2",
    sockets: "none",
    "call-seconds": "10",
    "tokens-per-second": "3.5",
    "peak-tflops": "0.4",
  });
  const { batches, seconds, loads, calls, sockets, callMs, tokensPerSecond, peakGflops, peakGbs } = asked;
  assert.deepEqual(
    { batches, seconds, loads, calls, sockets, callMs, tokensPerSecond, peakGflops, peakGbs },
    {
      batches: [1, 4],
      seconds: [0.5, 20],
      loads: ["finals"],
      calls: [2, 8],
      sockets: [],
      callMs: 10_000,
      tokensPerSecond: 3.5,
      peakGflops: 400,
      peakGbs: null,
    },
  );
});

test("an option that cannot be honoured is refused by its name", () => {
  const wrong: Record<string, string> = {
    device: "gpu",
    "tokens-per-second": "0",
    batches: "65",
    seconds: "30",
    loads: "partials,all",
    calls: "2.5",
    sockets: "many",
    "call-seconds": "-1",
    "peak-tflops": "",
    "peak-gbs": "Infinity",
  };
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(() => parseOptions({ [name]: value }), new RegExp(`RangeError: Expected --${name} `), name);
  }
});

test("whatever is given, numbers are such as can be measured, or it is refused", () => {
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom("1,2", "1e3", "0x10", "none", ",", "NaN", "-0", "1,,2"),
    fc.double().map(String),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...OPTIONS), value), (values) => {
      try {
        const { batches, seconds, calls, sockets, callMs } = parseOptions(values);
        for (const count of [...batches, ...calls, ...(sockets ?? [])])
          assert.ok(Number.isInteger(count) && count > 0 && count <= 10_000);
        for (const each of seconds) assert.ok(each > 0 && each <= 29);
        assert.ok(callMs > 0 && Number.isFinite(callMs));
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
});
