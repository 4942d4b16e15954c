import assert from "node:assert/strict";
import { test } from "node:test";
import { locationOf, nextHop } from "../../src/fetch/redirect.ts";
import { faultOf } from "./rig.ts";

const PORTS = [80, 443, 8443];
const HEADERS = {
  authorization: "Bearer x",
  cookie: "c",
  "x-own": "1",
  accept: "audio/*",
  range: "bytes=0-",
};
const HARMLESS = { accept: "audio/*", range: "bytes=0-" };

const hop = (from: string, location: string) =>
  nextHop({ url: new URL(from), headers: HEADERS }, location, PORTS);

test("a redirect may go from http to https and not back", async () => {
  assert.equal(hop("http://a.example/x", "https://a.example/y").url.href, "https://a.example/y");
  const back = async () => hop("https://a.example/x", "http://a.example/y");
  assert.equal(await faultOf(back()), "FETCH_BAD_REDIRECT");
});

test("an origin is scheme, host and port: when one changes, only harmless headers go along", () => {
  assert.deepEqual(hop("https://a.example/x", "y").headers, HEADERS);
  assert.deepEqual(hop("https://a.example/x", "https://A.example.:443/y").headers, HEADERS);
  for (const location of ["https://b.example/", "https://a.example:8443/", "//www.a.example/"])
    assert.deepEqual(hop("https://a.example/x", location).headers, HARMLESS, location);
  assert.deepEqual(hop("http://a.example/x", "https://a.example/").headers, HARMLESS);
});

test("only answers that are redirects, to requests that change nothing, lead on", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    assert.equal(locationOf(status, "/x", "GET"), "/x");
    assert.equal(locationOf(status, "/x", "HEAD"), "/x");
    assert.equal(locationOf(status, "/x", "POST"), null);
    assert.equal(locationOf(status, undefined, "GET"), null);
  }
  for (const status of [200, 201, 300, 304, 305, 400]) assert.equal(locationOf(status, "/x", "GET"), null);
});
