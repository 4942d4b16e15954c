import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ERROR_CODES } from "../../src/base/codes.ts";
import { type OpenApi, startRest } from "./rig.ts";

test("the document is OpenAPI 3.1, its references lead somewhere, and every operation has a name of its own", async (t) => {
  const { url } = await startRest(t);
  const text = await (await fetch(`${url}/v1/openapi.json`)).text();
  const document = JSON.parse(text) as OpenApi;
  assert.equal(document.openapi, "3.1.0");
  const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name as string,
  );
  assert.ok(references.length > 5);
  for (const name of references) assert.ok(name in document.components.schemas, name);
  const names = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map((one) => one.operationId),
  );
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(names, [
    "listCalls",
    "getCall",
    "deleteCall",
    "getTranscript",
    "listEvents",
    "listDeliveries",
    "resendCall",
    "explainProblem",
  ]);
});

test("what the document says of a parameter is what is asked of it", async (t) => {
  const { url, ask } = await startRest(t);
  const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as OpenApi;
  const parameters = document.paths["/v1/calls"]?.get?.parameters ?? [];
  const limit = parameters.find(({ name }) => name === "limit")?.schema as {
    minimum: number;
    maximum: number;
  };
  assert.deepEqual([limit.minimum, limit.maximum], [1, 200]);
  for (const [value, status] of [
    [limit.minimum - 1, 400],
    [limit.minimum, 200],
    [limit.maximum, 200],
    [limit.maximum + 1, 400],
  ]) {
    assert.equal((await ask(`/v1/calls?limit=${value}`)).status, status);
  }
});

test("the type of a problem leads to its meaning", async (t) => {
  const { url, ask } = await startRest(t);
  const { json } = await ask("/v1/calls/CA9");
  const meaning = await fetch(new URL(json.type, url));
  assert.deepEqual(await meaning.json(), { code: "CALL_UNKNOWN", title: ERROR_CODES.CALL_UNKNOWN });
  assert.equal((await ask("/v1/problems/NO_SUCH")).status, 404);
  assert.equal((await ask("/v1/problems/__proto__")).status, 404);
});

test("docs/calls-api.md has every route, parameter and code of the document, and no other code", async (t) => {
  const { url } = await startRest(t);
  const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as OpenApi;
  const page = readFileSync(path.resolve(import.meta.dirname, "../../docs/calls-api.md"), "utf8");
  for (const [route, methods] of Object.entries(document.paths)) {
    for (const [method, { parameters = [] }] of Object.entries(methods)) {
      assert.ok(page.includes(`\`${method.toUpperCase()} ${route}`), `${method} ${route}`);
      for (const { name } of parameters)
        assert.ok(page.includes(`\`${name}\``) || page.includes(`{${name}}`), name);
    }
  }
  const described = new Set(
    [...JSON.stringify(document.paths).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code]) => code),
  );
  const named = new Set([...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code]) => code as string));
  for (const code of named) assert.ok(code in ERROR_CODES, code);
  // The page leaves those of access to a page of their own.
  for (const code of described) if (!code?.startsWith("ACCESS_")) assert.ok(named.has(code as string), code);
});
