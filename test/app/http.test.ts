import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import express from "express";
import { createHttp } from "../../src/app/http.ts";

test("a body that never comes is cut off where nothing is uploaded, and waited for where files are", async (t) => {
  const uploads = express.Router();
  uploads.post("/upload", (request, response) => {
    request.resume().once("end", () => response.json({ taken: true }));
  });
  const forms = express.Router();
  forms.post("/form", (request, response) => {
    request.resume().once("end", () => response.json({}));
  });
  const server = createHttp([forms], [uploads], { bodyMs: 150 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const send = (path: string) => {
    const headers = { "content-type": "text/plain", "content-length": 4 };
    const request = http.request({ port, path, method: "POST", headers });
    request.write("12");
    const answer = new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
    request.on("error", () => {});
    return { request, answer };
  };
  const upload = send("/upload");
  const form = send("/form");
  assert.equal((await form.answer).statusCode, 408);
  upload.request.end("34");
  assert.equal((await upload.answer).statusCode, 200);
  const whole = send("/form");
  whole.request.end("34");
  assert.equal((await whole.answer).statusCode, 200);
});

test("a fault of a route, or of an address, is answered without a word of where it happened", async (t) => {
  const router = express.Router();
  router.get("/broken", () => {
    throw new Error("at /secret/place");
  });
  router.get("/part/:name", (_request, response) => void response.json({}));
  const server = createHttp([router]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (const [path, status, code] of [
    ["/part/%ff", 400, "REQUEST_MALFORMED"],
    ["/broken", 500, "REQUEST_FAILED"],
  ] as const) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const text = await response.text();
    assert.equal(response.status, status);
    assert.equal(JSON.parse(text).code, code);
    assert.doesNotMatch(text, /secret|node_modules/);
  }
});
