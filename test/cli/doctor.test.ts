import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/app/config.ts";
import { isAtLeast } from "../../src/cli/doctor/environment-checks.ts";
import { settingChecks } from "../../src/cli/doctor/setting-checks.ts";
import type { Check } from "../../src/cli/doctor.ts";
import { createSecret } from "../../src/delivery/signing.ts";
import { openStore } from "../../src/store/store.ts";
import { run, temporaryFolder } from "./command.ts";

interface Answer {
  healthy: boolean;
  checks: Check[];
}

const sound = {
  publicUrl: "https://phone.example.com",
  twilio: { authTokens: ["0123456789abcdef0123456789abcdef"] },
  callback: { url: "https://example.com/hook?key=1", secrets: [createSecret()] },
  numbers: [{ number: "*", mode: "connect" }],
};

function verdicts(overrides: Record<string, unknown>): Record<string, string> {
  const config = loadConfig({ file: null, environment: {}, overrides });
  return Object.fromEntries(settingChecks(config).map(({ name, verdict }) => [name, verdict]));
}

test("an installation and a configuration that are well are called so, also when nothing is stored yet", async (t) => {
  const folder = temporaryFolder(t);
  // Whatever cards this machine has: a card without a model for it is worth a warning.
  const config = { ...sound, port: 0, asr: { device: "cpu" } };
  writeFileSync(path.join(folder, "linescribe.config.json"), JSON.stringify(config));
  const { code, stdout, stderr } = await run(["doctor"], folder);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^ok {4}store .*linescribe\.db will be created$/m);
  assert.match(stdout, /^ok {4}callback +https:\/\/example\.com\/hook, signed with 1 secret$/m);
  assert.match(stdout, /^ok {4}card +none is used/m);
  assert.doesNotMatch(stdout, /^(warn|fail)/m);
});

test("a server that takes no calls is told so, and nothing more", () => {
  assert.deepEqual(verdicts({}), { "phone calls": "warn" });
});

test("every fault is told at once with its fix: configuration, port, store", async (t) => {
  const folder = temporaryFolder(t);
  const taken = http.createServer((_, response) => response.end("{}")).listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await new Promise((resolve) => taken.once("listening", resolve));
  writeFileSync(path.join(folder, "not-a-store.db"), "x".repeat(4096));
  const config = {
    ...sound,
    host: "127.0.0.1",
    port: (taken.address() as AddressInfo).port,
    twilio: {},
    callback: { url: "https://example.com/hook", secrets: ["whsec_short"] },
    numbers: [{ number: "+15550100100", mode: "start" }],
    store: { path: "not-a-store.db" },
    surprise: 1,
  };
  writeFileSync(path.join(folder, "broken.json"), JSON.stringify(config));
  const { code, stdout } = await run(["doctor", "--config", "broken.json", "--json"], folder);
  assert.equal(code, 1);
  const { healthy, checks } = JSON.parse(stdout) as Answer;
  const failed = checks.filter(({ verdict }) => verdict === "fail");
  assert.equal(healthy, false);
  assert.deepEqual(
    failed.map(({ name }) => name),
    ["store", "port", "configuration", "configuration", "configuration", "configuration"],
  );
  assert.ok(failed.every(({ fix }) => fix));
  const text = failed.map(({ found }) => found).join("\n");
  for (const word of ["STORE_FAILED", "EADDRINUSE", "secrets.0", "surprise", "authTokens", "numbers.0"]) {
    assert.ok(text.includes(word), word);
  }
});

test("a store that others could read is told of, and is private afterwards", async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, "events.db");
  openStore({ path: file }).close();
  chmodSync(file, 0o644);
  writeFileSync(
    path.join(folder, "linescribe.config.json"),
    JSON.stringify({ ...sound, port: 0, store: { path: file } }),
  );
  const { code, stdout } = await run(["doctor"], folder);
  assert.equal(code, 0);
  assert.match(stdout, /^warn {2}store .*mode 644/m);
});

test("a public URL that no carrier reaches, missing numbers and open callbacks are found", () => {
  assert.deepEqual(verdicts(sound), {
    "public URL": "ok",
    "auth tokens": "ok",
    numbers: "ok",
    callback: "ok",
  });
  for (const publicUrl of ["http://phone.example.com", "https://127.0.0.1", "https://localhost:8443"]) {
    assert.equal(verdicts({ ...sound, publicUrl })["public URL"], "fail", publicUrl);
  }
  assert.equal(verdicts({ ...sound, numbers: [] }).numbers, "fail");
  assert.equal(verdicts({ ...sound, twilio: { authTokens: ["SK-not-a-token"] } })["auth tokens"], "warn");
  const callback = { ...sound.callback, url: "http://example.com" };
  assert.equal(verdicts({ ...sound, callback }).callback, "warn");
  const { callback: _, ...silent } = sound;
  assert.equal(verdicts(silent).callback, "warn");
});

test("versions are compared by their numbers", () => {
  assert.ok(isAtLeast("20.19.0", "20.19"));
  assert.ok(isAtLeast("22.3.0", "20.19"));
  assert.ok(!isAtLeast("20.9.0", "20.19"));
  assert.ok(!isAtLeast("18.20.8", "20.19"));
});
