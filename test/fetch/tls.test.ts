import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Counters } from "../../src/base/counters.ts";
import { createFetcher } from "../../src/fetch/fetcher.ts";
import { faultOf, GET, OUTSIDE } from "./rig.ts";

test("a certificate that nobody vouches for is refused, also where the environment would take it", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string) => path.join(folder, name);
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...["-subj", "/CN=media.example", "-addext", "subjectAltName=DNS:media.example"],
    ...["-keyout", file("key"), "-out", file("cert")],
  ]);
  if (made.status !== 0) return t.skip("needs openssl to make a certificate");
  const names: unknown[] = [];
  const server = https.createServer(
    {
      key: readFileSync(file("key")),
      cert: readFileSync(file("cert")),
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    },
    (_request, response) => response.end("trusted"),
  );
  await new Promise<void>((resolve) => server.listen(0, OUTSIDE, resolve));
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  t.after(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const resolve = async () => [OUTSIDE];
  const fetcher = createFetcher({ allow: [OUTSIDE], ports: [port], counters: new Counters(), resolve });
  assert.equal(await faultOf(fetcher.fetch(`https://media.example:${port}/`, GET)), "FETCH_FAILED");
  // The name is asked for, not the address it was pinned to.
  assert.deepEqual(names, ["media.example"]);
});
