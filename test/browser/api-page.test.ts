/**
 * What the page of the API reads out of a document: ours whole, and any other without a fault or an end that never comes.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { ApiDocument } from "../../src/browser/api-document.js";
import { exampleOf } from "../../src/browser/api-example.js";
import { addressOf, curlLine, keyOf } from "../../src/browser/api-request.js";
import { type SchemaNode, schemaTree } from "../../src/browser/api-schema.js";
import { openApiDocument } from "../../src/rest/openapi.ts";
import { type CallsStore, callRoutes } from "../../src/rest/routes.ts";

const ROOT = JSON.parse(
  JSON.stringify(
    openApiDocument(
      callRoutes({} as CallsStore, () => {}),
      "/v1/calls",
    ),
  ),
);
const OURS = new ApiDocument(ROOT);

function sizeOf(node: SchemaNode): number {
  return 1 + node.children.reduce((sum, child) => sum + sizeOf(child), 0);
}

test("every operation of our document is read with its parameters, body and answers", () => {
  const wanted = Object.entries(ROOT.paths as Record<string, Record<string, { operationId: string }>>);
  const all = wanted.flatMap(([path, item]) =>
    Object.entries(item).map(([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`),
  );
  assert.deepEqual(
    OURS.operations.map(({ method, path, id }) => `${method} ${path} ${id}`).sort(),
    all.sort(),
  );
  const list = OURS.operations.find(({ id }) => id === "listCalls");
  const limit = list?.parameters.find(({ name }) => name === "limit");
  const { type, limits } = schemaTree(limit?.schema, OURS);
  assert.deepEqual([type, limits], ["integer", ["1 to 200", "default 50"]]);
  const since = list?.parameters.find(({ name }) => name === "since");
  assert.deepEqual(schemaTree(since?.schema, OURS).type, "date-time or date");
  assert.deepEqual(
    OURS.operations.filter(({ isPublic }) => isPublic).map(({ id }) => id),
    ["explainProblem"],
  );
});

test("a schema is a tree of names, types, limits and variants, through references", () => {
  const list = OURS.operations.find(({ id }) => id === "listCalls");
  const tree = schemaTree(list?.responses[0]?.media[0]?.schema, OURS);
  const calls = tree.children.find(({ name }) => name === "calls");
  assert.equal(calls?.type, "list of object");
  const names = calls?.children.map(({ name }) => name) ?? [];
  assert.ok(
    ["callSid", "tracks", "hits"].every((name) => names.includes(name)),
    names.join(),
  );
  assert.equal(calls?.children.find(({ name }) => name === "hits")?.required, false);
  const kind = calls?.children.find(({ name }) => name === "kind");
  assert.deepEqual(kind?.values, ['"call"', '"session"']);
  assert.equal(calls?.children.find(({ name }) => name === "endedAt")?.type, "date-time or null");
  const events = OURS.operations.find(({ id }) => id === "listEvents");
  const event = schemaTree(events?.responses[0]?.media[0]?.schema, OURS).children.find(
    ({ name }) => name === "events",
  );
  assert.equal(event?.isChoice, true);
  assert.deepEqual(
    event?.children.map(({ name }) => name),
    ["call.started", "transcript.final", "transcript.gap", "call.dtmf", "call.ended"],
  );
});

test("every example that is shown is as its schema says", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(ROOT, "ours");
  const schemas = OURS.operations.flatMap(({ id, body, responses, parameters }) => [
    ...[...body, ...responses.flatMap(({ media }) => media)].map(({ schema }) => ({ id, schema })),
    ...parameters.map(({ name, schema }) => ({ id: `${id} ${name}`, schema })),
  ]);
  assert.ok(schemas.length > 60);
  for (const { id, schema } of schemas) {
    const text = JSON.stringify(schema).replaceAll('"#/', '"ours#/');
    const example = exampleOf(schema, OURS);
    assert.ok(
      ajv.validate(JSON.parse(text), example),
      `${id}: ${JSON.stringify(example)} ${ajv.errorsText()}`,
    );
  }
});

test("schemas in circles, doublings without end and references to nowhere have an end", () => {
  const schemas: Record<string, unknown> = {
    Tree: { type: "object", properties: { left: { $ref: "#/components/schemas/Tree" } } },
    Loop: { $ref: "#/components/schemas/Loop" },
    D0: { type: "object", properties: { end: { type: "string" } } },
  };
  for (let level = 1; level < 40; level++) {
    const $ref = `#/components/schemas/D${level - 1}`;
    schemas[`D${level}`] = { properties: { a: { $ref }, b: { $ref } } };
  }
  const document = new ApiDocument({ components: { schemas } });
  const of = (name: string): SchemaNode => schemaTree({ $ref: `#/components/schemas/${name}` }, document);
  assert.equal(of("Tree").children[0]?.type, "Tree, as above");
  assert.deepEqual(of("Loop").children, []);
  assert.deepEqual(of("None").type, "None");
  assert.ok(sizeOf(of("D39")) < 5000);
  for (const name of ["Tree", "Loop", "None", "D39"])
    assert.doesNotThrow(() => exampleOf({ $ref: `#/components/schemas/${name}` }, document));
});

test("no document, whatever is in it, is a fault of the page", () => {
  const names = ["paths", "get", "parameters", "schema", "$ref", "properties", "items", "anyOf", "responses"];
  const more = ["/a", "allOf", "required", "enum", "content", "__proto__", "security", "servers", "type"];
  const key = fc.constantFrom(...names, ...more);
  const leaf = fc.oneof(fc.constantFrom("#", "#/paths", "#/paths/~1a/get", "object"), fc.jsonValue());
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      leaf,
      fc.dictionary(key, tie("tree"), { maxKeys: 6 }),
      fc.array(tie("tree"), { maxLength: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, tree, (item, schema) => {
      const document = new ApiDocument({ paths: { "/a": item, "/b": { get: item, post: schema } } });
      assert.ok(sizeOf(schemaTree(schema, document)) < 5000);
      exampleOf(schema, document);
      for (const { parameters, body, responses } of document.operations)
        for (const { schema: one } of [...parameters, ...body, ...responses.flatMap(({ media }) => media)])
          schemaTree(one, document);
      const ids = document.operations.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
    }),
    { numRuns: 500 },
  );
});

test("only documents of this server have an address to be asked at", () => {
  const baseOf = (url: unknown) => new ApiDocument({ servers: [{ url }] }).base;
  assert.deepEqual(["/", "", "/prefix/", "/a/b"].map(baseOf), ["", "", "/prefix", "/a/b"]);
  for (const url of [
    "//evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/\\evil.example",
    "/{a}",
  ])
    assert.equal(baseOf(url), null, url);
});

test("what is filled in comes out of the address as it was", () => {
  const parameters = [
    { name: "callSid", place: "path" },
    { name: "q", place: "query" },
    { name: "number", place: "query" },
  ].map((one) => ({ ...one, required: false, description: "", schema: {} }));
  const [sid, q, number] = parameters.map(keyOf) as [string, string, string];
  const typed = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/^\.{1,2}$/.test(text));
  fc.assert(
    fc.property(typed, typed, (inPath, inQuery) => {
      const values = new Map([
        [sid, inPath],
        [q, inQuery],
        [number, ""],
      ]);
      const address = addressOf({ path: "/v1/calls/{callSid}", parameters }, values);
      const url = new URL(address, "http://localhost");
      assert.equal(decodeURIComponent(url.pathname.slice("/v1/calls/".length)), inPath);
      assert.equal(url.searchParams.get("q"), inQuery);
      assert.deepEqual([url.host, url.hash, [...url.searchParams.keys()]], ["localhost", "", ["q"]]);
    }),
  );
});

test("in a shell, the line is one command with what was typed, and nothing else runs", () => {
  const nasty = [
    "'; echo owned; '",
    "$(echo owned)",
    "`echo owned`",
    '"',
    "\\",
    "a b",
    "{x,y}",
    "!!",
    "\n",
    "é",
  ];
  const lines = nasty.map((text) => ({
    method: "POST",
    url: `http://h/?q=${text}`,
    isPublic: false,
    body: text,
  }));
  const script = lines
    .map((line) => curlLine({ ...line, body: { type: "application/json", text: line.body } }))
    .join("\n");
  const shell = `curl() { printf '%s\\0' "$@"; }\n${script}`;
  const { stdout, status } = spawnSync("sh", ["-c", shell], { env: { KEY: "ls_key" }, encoding: "utf8" });
  assert.equal(status, 0);
  const expected = lines.flatMap(({ url, body }) => [
    ...["-X", "POST", "-H", "Authorization: Bearer ls_key", "-H", "Content-Type: application/json"],
    ...["--data-raw", body, url],
  ]);
  assert.deepEqual(stdout.split("\0").slice(0, -1), expected);
  assert.equal(curlLine({ method: "GET", url: "http://h/", isPublic: true }), "curl 'http://h/'");
});
