import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig, loadConfig } from "../../src/app/config.ts";

const none = { file: null, environment: {} };

test("a fault of the shape hides neither a missing token nor what is impossible about another number", () => {
  const { config, faults } = checkConfig({
    ...none,
    overrides: {
      port: "8080",
      surprise: 1,
      numbers: [
        { number: "0049", mode: "start" },
        { number: "+15550100100", mode: "start" },
      ],
    },
  });
  assert.equal(config, null);
  const starts = faults.map((fault) => fault.split(":")[0]).sort();
  assert.deepEqual(starts, [
    "configuration",
    "numbers.0.number",
    "numbers.1",
    "port",
    "publicUrl",
    "twilio.authTokens",
  ]);
});

test("a setting of the wrong type is not called missing as well", () => {
  const overrides = { twilio: { authTokens: "abc" }, publicUrl: 5, host: 7, insecure: true };
  const { faults } = checkConfig({ ...none, overrides });
  assert.deepEqual(faults.map((fault) => fault.split(":")[0]).sort(), [
    "host",
    "publicUrl",
    "twilio.authTokens",
  ]);
});

test("every fault of reading, of shape and of sense stands in one CONFIG_INVALID", () => {
  const environment = { LINESCRIBE_PORT: "many", LINESCRIBE_COLOUR: "blue" };
  assert.throws(() => loadConfig({ file: "/nowhere/config.json", environment }), {
    code: "CONFIG_INVALID",
    message: /3 faults.*nowhere.*LINESCRIBE_PORT.*LINESCRIBE_COLOUR/s,
  });
});
