#!/usr/bin/env node
/**
 * The command `linescribe`: which subcommands there are, and how an error leaves the program.
 *
 * Exit codes: 0 done, 1 an error (`code: message` on stderr), 2 a command that was not understood.
 */
import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { LinescribeError, messageOf } from "../base/error.ts";
import * as parse from "./arguments.ts";

interface Package {
  version: string;
  description: string;
}

function packageFacts(): Package {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as Package;
}

const CONFIG = ["--config <file>", "configuration file (default: linescribe.config.json)"] as const;

const INTO = "folder of models (default: setting models, LINESCRIBE_MODELS, data/models)";

function createProgram(): Command {
  const { version, description } = packageFacts();
  const program = new Command("linescribe").description(description).version(version).exitOverride();
  addServer(program);
  addCalls(program);
  addUpkeep(program);
  addModels(program);
  addKeys(program);
  return program;
}

/** Commands are loaded when they run, so that `--help` does not load the recogniser. */
function addServer(program: Command): void {
  program
    .command("serve")
    .description("run the server")
    .option(...CONFIG)
    .option("--host <address>", "address to listen on")
    .option("--port <number>", "port to listen on, 0 for a free one", parse.port)
    .option("--insecure", "accept unsigned webhooks; only with a loopback address as --host")
    .action(async (options) => (await import("./serve.ts")).serve(options));
  program
    .command("doctor")
    .description("check the installation and the configuration, and say how to fix what is wrong")
    .option(...CONFIG)
    .option("--json", "one JSON object")
    .action(async (options) => (await import("./doctor.ts")).doctor(options));
  program
    .command("demo")
    .description("play a recorded call through a real server to a real receiver, and compare")
    .option("--fixture <name>", "recorded call in fixtures/calls", "greeting-connect")
    .option("--json", "one JSON object instead of a table")
    .action(async (options) => (await import("./demo.ts")).demo(options));
}

function addCalls(program: Command): void {
  program
    .command("replay <file>")
    .description("play a recorded call (.jsonl) or a WAV file against a server as the carrier does")
    .option("--url <url>", "voice webhook", parse.httpUrl, "http://127.0.0.1:8080/twilio/voice")
    .option("--speed <speed>", "1 is real time, N is N times as fast, max as fast as it goes", parse.speed, 1)
    .option("--calls <number>", "calls at the same time", parse.calls, 1)
    .option("--auth-token <token>", "signs as the carrier (default: the first LINESCRIBE_TWILIO_AUTH_TOKENS)")
    .option("--public-url <url>", "address that the server believes to have", parse.httpUrl)
    .option("--from <number>", "calling number")
    .option("--to <number>", "called number")
    .option("--json", "one JSON object a call")
    .option(...CONFIG)
    .action(async (file, options) => (await import("./replay.ts")).replay(file, options));
  program
    .command("transcribe <file...>")
    .description("write down what is said in WAV files or recorded calls, without a server")
    .option("--json", "one JSON object a file")
    .option("--no-vad", "recognise everything instead of looking for speech")
    .option("--language <tag>", 'BCP-47 tag, Whisper code, or "auto" (default: that of the call, or en)')
    .option(...CONFIG)
    .action(async (files, options) => (await import("./transcribe.ts")).transcribe(files, options));
}

function addUpkeep(program: Command): void {
  const outbox = program
    .command("outbox")
    .description("look after undelivered events; a server may be running");
  outbox
    .command("list")
    .description("list events that were, are or will not be delivered")
    .option("--state <state>", "pending, dead or delivered (default: pending and dead)", parse.outboxState)
    .option("--json", "one JSON object an event")
    .option(...CONFIG)
    .action(async (options) => (await import("./outbox.ts")).listOutbox(options));
  outbox
    .command("callbacks")
    .description("list results that wait for URLs of API callers, or were given up")
    .option("--json", "one JSON object a callback")
    .option(...CONFIG)
    .action(async (options) => (await import("./outbox.ts")).listCallbacks(options));
  outbox
    .command("retry")
    .argument("[id...]", "as list shows them", parse.id)
    .description("deliver events again, from now on")
    .option("--all", "every dead event and every disabled endpoint")
    .option("--since <time>", "dead events parked since a date, or within 30m, 12h, 7d", parse.since)
    .option(...CONFIG)
    .action(async (ids, options, command) =>
      (await import("./outbox.ts")).retryOutbox(parse.selection(ids, options, command), options),
    );
  outbox
    .command("drop")
    .argument("<id...>", "as list shows them", parse.id)
    .description("forget that events are owed")
    .option(...CONFIG)
    .action(async (ids, options) => (await import("./outbox.ts")).dropOutbox(ids, options));
}

function addModels(program: Command): void {
  const models = program.command("models").description("the models of this installation");
  models
    .command("list")
    .description("list the models")
    .option("--json", "one JSON object a model")
    .option(...CONFIG)
    .action(async (options) => (await import("./models.ts")).listModels(options));
  models
    .command("verify")
    .description("compare the files of the models with their published sha256")
    .option("--json", "one JSON object a model")
    .option(...CONFIG)
    .action(async (options) => (await import("./models.ts")).verifyModels(options));
  models
    .command("pull")
    .argument("<name>", "owner/name, owner/name/model, or a short name: see docs/models.md", parse.hubName)
    .description(
      "fetch a model, or weights to make one of, from Hugging Face or a mirror; goes on where it stopped",
    )
    .option(
      "--from <url>",
      "the hub (default: setting hub, LINESCRIBE_HUB, https://huggingface.co)",
      parse.httpUrl,
    )
    .option("--revision <revision>", "branch, tag or commit", parse.revision, "main")
    .option("--into <folder>", INTO)
    .option("--json", "one JSON object")
    .option(...CONFIG)
    .action(async (name, options) => (await import("./models/pull.ts")).pullModel(name, options));
  models
    .command("add")
    .argument("<name>", "of NAME.onnx in the folder of models, as models/export made it", parse.modelName)
    .description("take an exported model into the manifest of the folder")
    .option("--tokenizer <file>", "tokenizer.json of its weights (default: NAME.tokenizer.json beside it)")
    .option("--into <folder>", INTO)
    .option("--json", "one JSON object a file")
    .option(...CONFIG)
    .action(async (name, options) => (await import("./models/add.ts")).addModel(name, options));
}

function addKeys(program: Command): void {
  const keys = program.command("keys").description("API keys; a running server obeys at once");
  keys
    .command("create")
    .argument("<name>", "what you call it", parse.keyName)
    .description("make a key and show it, this once")
    .option("--scope <scopes>", "what it may do: transcribe,read,numbers,admin", parse.scopes, [
      "transcribe",
      "read",
    ])
    .option("--expires <time>", "a date, or 12h, 90d from now (default: never)", parse.until)
    .option("--json", "one JSON object")
    .option(...CONFIG)
    .action(async (name, options) => (await import("./keys.ts")).createKey(name, options));
  keys
    .command("list")
    .description("list the keys, revoked and expired ones too")
    .option("--json", "one JSON object a key")
    .option(...CONFIG)
    .action(async (options) => (await import("./keys.ts")).listKeys(options));
  keys
    .command("rotate")
    .argument("<id>", "as list shows it", parse.keyId)
    .description("give a key another secret and show it, this once")
    .addOption(
      new Option("--grace <time>", "how long the secret before works: 0, 30m, 12h, 7d")
        .argParser(parse.duration)
        .default(parse.duration("24h"), "24h"),
    )
    .option("--expires <time>", "another expiry: a date, or 12h, 90d from now", parse.until)
    .option("--json", "one JSON object")
    .option(...CONFIG)
    .action(async (id, options) => (await import("./keys.ts")).rotateKey(id, options));
  keys
    .command("revoke")
    .argument("<id...>", "as list shows them", parse.keyIds)
    .description("end keys with all their secrets")
    .option(...CONFIG)
    .action(async (ids, options) => (await import("./keys.ts")).revokeKeys(ids, options));
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const code = error instanceof LinescribeError ? error.code : "INTERNAL";
    console.error(`${code}: ${error instanceof LinescribeError ? messageOf(error) : stackOf(error)}`);
    process.exitCode = 1;
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : String(error);
}
