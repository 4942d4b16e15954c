import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { jsonLines, ROOT, run } from "./command.ts";

const COMMANDS = ["serve", "replay", "transcribe", "demo", "doctor", "outbox", "models"];

test("help names every command, and the version is that of the package", async () => {
  const [help, version] = await Promise.all([run(["--help"]), run(["--version"])]);
  assert.equal(help.code, 0);
  for (const command of COMMANDS) assert.match(help.stdout, new RegExp(`^  ${command}\\b`, "m"));
  const { version: expected } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  assert.deepEqual([version.code, version.stdout.trim()], [0, expected]);
});

test("the first line makes the compiled file a program", () => {
  assert.match(readFileSync(path.join(ROOT, "src/cli/main.ts"), "utf8"), /^#!\/usr\/bin\/env node\n/);
});

test("what is not understood exits 2 and says what was expected", async () => {
  const [command, speed, id] = await Promise.all([
    run(["transcrbe", "a.wav"]),
    run(["replay", "a.wav", "--speed", "0"]),
    run(["outbox", "drop", "1x"]),
  ]);
  assert.deepEqual([command.code, speed.code, id.code], [2, 2, 2]);
  assert.match(command.stderr, /Did you mean transcribe/);
  assert.match(speed.stderr, /Expected a number above 0/);
  assert.match(id.stderr, /Expected a whole number/);
});

test("a command that fails exits 1 with the code of its error", async () => {
  const { code, stdout, stderr } = await run(["replay", "/nowhere/call.jsonl", "--auth-token", "x"]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^REPLAY_REFUSED: Cannot read \/nowhere\/call\.jsonl/);
});

test("a server with a faulty configuration names every fault and does not start", async () => {
  const calls = {
    LINESCRIBE_CALLBACK_URL: "https://crm.example/transcripts",
    LINESCRIBE_CALLBACK_SECRETS: `whsec_${Buffer.alloc(32).toString("base64")}`,
  };
  const { code, stdout, stderr } = await run(["serve", "--port", "0"], tmpdir(), calls);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^CONFIG_INVALID: .*2 faults.*authTokens.*publicUrl/s);
});

test("models are listed with their licence and found intact", async () => {
  const [list, verify] = await Promise.all([
    run(["models", "list", "--json"]),
    run(["models", "verify", "--json"]),
  ]);
  assert.deepEqual([list.code, verify.code], [0, 0]);
  const models = jsonLines<{ name: string; licence: string }>(list.stdout);
  assert.ok(models.some(({ name, licence }) => name === "whisper-base" && licence !== ""));
  const checks = jsonLines<{ name: string; intact: boolean }>(verify.stdout);
  assert.deepEqual(
    checks,
    models.map(({ name }) => ({ name, intact: true, code: null, message: null })),
  );
});
