/**
 * The API of calls over real HTTP, with a real store and real keys behind it; every JSON answer is held against the document
 * that the API itself serves.
 */
import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { createAccess } from "../../src/access/access.ts";
import { createKeyText, type Scope } from "../../src/access/key.ts";
import { createCallsApi } from "../../src/app/calls-api.ts";
import { createHttp } from "../../src/app/http.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { Store } from "../../src/store/store.ts";
import { LIMITS } from "../access/rig.ts";
import { ended, final, gap, press, sampleCall, started, temporaryStore } from "../store/sample.ts";

export interface Reply {
  status: number;
  type: string;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared field by field, and checked by their schema.
  json: any;
}

export interface Rig {
  url: string;
  store: Store;
  counters: Counters;
  resent: () => number;
  /** Makes a key; returns its text. */
  key(...scopes: Scope[]): string;
  /** Asks with a key of `scopes` (default `read`), and checks the answer against the document. */
  ask(
    path: string,
    options?: { method?: string; scopes?: Scope[]; headers?: object; body?: string },
  ): Promise<Reply>;
}

const ORIGIN = "http://127.0.0.1";
const READ: Scope[] = ["read"];

export async function startRest(t: TestContext): Promise<Rig> {
  const counters = new Counters();
  const store = temporaryStore(t);
  const access = createAccess({
    keys: store.keys,
    trustedProxies: 0,
    origins: [],
    publicUrl: null,
    maximumSessionMs: 60_000,
    limits: LIMITS,
    log: silentLogger,
    counters,
  });
  let resent = 0;
  const onResent = (): void => {
    resent += 1;
  };
  const api = createCallsApi({ store, access, onResent, logger: silentLogger, counters });
  const server = createHttp([api.router]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    api.close();
    access.close();
    server.closeAllConnections();
    server.close();
  });
  const url = `${ORIGIN}:${(server.address() as AddressInfo).port}`;
  const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as OpenApi;
  const check = checker(document);
  const keys = new Map<string, string>();
  const key = (...scopes: Scope[]): string => {
    const known = keys.get(scopes.join());
    if (known !== undefined) return known;
    const { id, hash, text } = createKeyText();
    store.keys.add({ id, name: "test", scopes, secretHash: hash, createdAt: 0, expiresAt: null });
    keys.set(scopes.join(), text);
    return text;
  };
  return {
    url,
    store,
    counters,
    resent: () => resent,
    key,
    async ask(path, { method = "GET", scopes = READ, headers = {}, body } = {}) {
      const response = await fetch(url + path, {
        method,
        headers: { authorization: `Bearer ${key(...scopes)}`, ...headers },
        ...(body !== undefined && { body }),
      });
      const text = await response.text();
      const type = (response.headers.get("content-type") ?? "").split(";")[0] as string;
      const json = type.endsWith("json") ? JSON.parse(text) : null;
      check(method, path, response.status, type, json);
      return { status: response.status, type, headers: response.headers, text, json };
    },
  };
}

export interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

export interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; schema: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content: Record<string, { schema: object }> }>;
}

/** Fails when an answer is not one that the document describes. */
function checker(document: OpenApi) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, "document");
  const compiled = new Map<string, ValidateFunction>();
  return (method: string, path: string, status: number, type: string, json: unknown): void => {
    const [bare] = path.split("?") as [string];
    const template = Object.keys(document.paths).find((one) =>
      new RegExp(`^${one.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(bare),
    );
    const operation = template && document.paths[template]?.[method.toLowerCase()];
    // Addresses and methods that are not in the document have errors of the same shape.
    const response = operation ? operation.responses[status] : null;
    if (operation)
      assert.ok(response?.content[type], `${method} ${path} answers ${status} ${type}: not in the document`);
    if (json === null) return;
    const place = operation
      ? `document#/paths/${pointerStep(template as string)}/${method.toLowerCase()}/responses/${status}/content/${pointerStep(type)}/schema`
      : "document#/components/schemas/Problem";
    const validate = compiled.get(place) ?? ajv.compile({ $ref: place });
    compiled.set(place, validate);
    assert.ok(validate(json), `${method} ${path}: ${ajv.errorsText(validate.errors)}`);
  };
}

/** A step of a JSON pointer in a URI. */
function pointerStep(step: string): string {
  return encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"));
}

/** Three calls: CA1 has ended, CA2 is live, ses_3 is a session. The third `final` overlaps the second. */
export function fillStore(store: Store): void {
  store.openCall(sampleCall("CA1"));
  store.setMediaStart("CA1", 1_700_000_000_500);
  store.commit("CA1", [
    started(),
    final(1, "inbound", "I want a refund & <b>now</b>"),
    { ...final(1, "outbound", "Your card, please"), startMs: 1200, endMs: 2300 },
    gap(1, 2500, 4600),
    press(1),
    ended(),
  ]);
  store.saveWatermarks([{ callSid: "CA1", track: "inbound", mediaMs: 9000, settledMs: 9000 }]);
  store.openCall(sampleCall("CA2", { from: "+4930123456", endpoint: null }));
  store.commit("CA2", [{ ...final(1, "inbound", "Guten Tag, refunds bitte"), language: "de" }]);
  store.openCall(
    sampleCall("ses_3", { kind: "session", endpoint: null, to: "/ws/transcribe", from: "key1" }),
  );
}
