import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { createSecret } from "../../src/delivery/signing.ts";
import { openStore } from "../../src/store/store.ts";
import { start, temporaryFolder } from "../cli/command.ts";
import { sampleCall, started } from "../store/sample.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

interface Serving {
  child: ChildProcess;
  /** Resolves with the first log line, old or new, that has this message; rejects when the log ends without one. */
  logged(message: string): Promise<Record<string, unknown>>;
  exit: Promise<number | null>;
}

function serve(t: TestContext, folder: string, settings: Record<string, unknown>): Serving {
  const config = { port: 0, host: "127.0.0.1", publicUrl: "https://phone.example.com", ...settings };
  writeFileSync(path.join(folder, "linescribe.config.json"), JSON.stringify(config));
  const child = start(["serve"], folder, { LINESCRIBE_TWILIO_AUTH_TOKENS: TOKEN });
  t.after(() => child.kill("SIGKILL"));
  const lines: Record<string, unknown>[] = [];
  const log = createInterface({ input: child.stdout });
  log.on("line", (text) => lines.push(JSON.parse(text) as Record<string, unknown>));
  let ended = false;
  log.once("close", () => {
    ended = true;
  });
  return {
    child,
    logged: async (message) => {
      for (;;) {
        const found = lines.find(({ msg }) => msg === message);
        if (found) return found;
        if (ended) throw new Error(`the server ended without "${message}" in its log`);
        await Promise.race([once(log, "line"), once(log, "close")]);
      }
    },
    exit: once(child, "exit").then(([code]) => code as number | null),
  };
}

/** A store with one event that is owed to a receiver that never answers. */
async function owing(t: TestContext, folder: string) {
  const receiver = http.createServer(() => {}).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  t.after(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const store = openStore({ path: path.join(folder, "events.db") });
  store.openCall(sampleCall("CA1", { endpoint: url }));
  store.commit("CA1", [started()]);
  store.close();
  return { called: once(receiver, "request"), callback: { url, secrets: [createSecret()] } };
}

test("the first SIGTERM stops an idle server with exit code 0, and its configuration was logged without secrets", async (t) => {
  const server = serve(t, temporaryFolder(t), { numbers: [{ number: "*", mode: "connect" }] });
  const logged = await server.logged("configuration");
  assert.ok(!JSON.stringify(logged).includes(TOKEN));
  assert.equal((logged.config as { twilio: { authTokens: number } }).twilio.authTokens, 1);
  await server.logged("listening");
  server.child.kill("SIGTERM");
  await server.logged("stopped");
  assert.equal(await server.exit, 0);
});

test("a second SIGTERM ends a server at once that still waits for a receiver", async (t) => {
  const folder = temporaryFolder(t);
  const { called, callback } = await owing(t, folder);
  const settings = { callback, store: { path: "events.db" }, limits: { drainMs: 600_000 } };
  const server = serve(t, folder, settings);
  await called;
  await server.logged("listening");
  server.child.kill("SIGTERM");
  await server.logged("draining");
  server.child.kill("SIGTERM");
  await server.logged("second signal, exiting now");
  // 1, or null for a process that killed itself because a worker was in the middle of an inference.
  assert.notEqual(await server.exit, 0);
});
