/**
 * A real Chromium before a whole server with the real engine: what people see is what is tested.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { createKeyText, type Scope } from "../../src/access/key.ts";
import { loadConfig } from "../../src/app/config.ts";
import type { Engine } from "../../src/app/engine.ts";
import { type RunningServer, startServer } from "../../src/app/server.ts";
import { CPU } from "../../src/asr/device.ts";
import { silentLogger } from "../../src/base/log.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { CLIPS, type Clip } from "../asr/clips.ts";
import { LoudnessDetector, ScriptedRecogniser } from "../call/fakes.ts";

/** Debian's; another with `CHROMIUM`. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export interface BrowserOptions {
  /** A file for the microphone; absent: there is none. */
  recording?: string;
  /** Whether the browser lets the page have it without asking. Default true. */
  allow?: boolean;
  args?: string[];
}

/** The browser of a test; pages in it must not break a rule. */
export async function launch({ recording, allow = true, args = [] }: BrowserOptions = {}): Promise<Browser> {
  const microphone = recording
    ? ["--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${recording}%noloop`]
    : [];
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: [...microphone, ...(allow ? ["--use-fake-ui-for-media-stream"] : []), ...args],
  });
}

/** A page, and everything that went wrong in it: violations of the policy, errors, requests elsewhere. */
export async function openPage(
  browser: Browser,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<{ page: Page; context: BrowserContext; faults: string[] }> {
  const context = await browser.newContext({
    locale: "en-US",
    viewport: { width: 1000, height: 700 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // Requests that fail while the test has cut the wire, and refusals that it asked for, are told as errors, too.
    const expected =
      /WebSocket connection to|Failed to load resource: (net::ERR_|the server responded with a status of 4)/;
    if (message.type() === "error" && !expected.test(message.text())) faults.push(message.text());
  });
  await page.addInitScript({
    content: `document.addEventListener("securitypolicyviolation", (event) =>
      console.error("policy:", event.violatedDirective, event.blockedURI, event.sample));`,
  });
  page.on("request", (request) => {
    const { origin } = new URL(page.url() === "about:blank" ? request.url() : page.url());
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("blob:") && !url.startsWith("data:"))
      faults.push(`elsewhere: ${url}`);
  });
  return { page, context, faults };
}

export interface PagesRig {
  server: RunningServer;
  folder: string;
  addKey(scopes?: Scope[]): { id: string; key: string };
  close(): Promise<void>;
}

/** No models: nothing is heard, and it starts at once. */
export function engineWithoutModels(): Engine {
  const recogniser = Object.assign(new ScriptedRecogniser(), { pendingSeconds: 0, language: () => "en" });
  const engine = {
    detector: new LoudnessDetector(),
    recogniser,
    model: "scripted",
    devices: [CPU],
    fallback: null,
    workers: 1,
    threads: 1,
    close: async () => {},
  };
  return engine as unknown as Engine;
}

/** A server that is configured with nothing but a port and a place for the store. */
export async function startPages({
  engine,
  port = 0,
  overrides = {},
}: {
  engine?: Engine;
  port?: number;
  overrides?: Record<string, unknown>;
} = {}): Promise<PagesRig> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-pages-"));
  const config = loadConfig({
    file: null,
    environment: {},
    overrides: {
      port,
      store: { path: path.join(folder, "linescribe.db") },
      limits: { drainMs: 3000 },
      ...overrides,
    },
  });
  const server = await startServer({ config, logger: silentLogger, ...(engine ? { engine } : {}) });
  return {
    server,
    folder,
    addKey: (scopes = ["transcribe"]) => {
      const { id, hash, text } = createKeyText();
      server.store.keys.add({
        id,
        name: "test",
        scopes,
        secretHash: hash,
        createdAt: Date.now(),
        expiresAt: null,
      });
      return { id, key: text };
    },
    close: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Clips that every part of the engine hears without a fault, in the order of a conversation. */
export const SPOKEN: readonly Clip[] = CLIPS.filter(({ language }) => language === "en").slice(0, 3);

export const wordsOf = (...texts: string[]): string => normalizeEnglish(texts.join(" "));

/** The lines on the page, as people read them. */
export async function linesOf(page: Page): Promise<string[]> {
  return await page.locator("#lines .line .text").allTextContents();
}

/** Presses Stop and waits for the last line. */
export async function stopListening(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("button", { name: "Start" }).waitFor({ timeout: 30_000 });
}

/** An address of this machine that is not loopback, or null. */
export function lanAddress(): string | null {
  const addresses = Object.values(os.networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? null;
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
