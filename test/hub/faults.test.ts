import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import type { ServerResponse } from "node:http";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { maySendToken } from "../../src/hub/client.ts";
import {
  listen,
  pullFrom,
  readyFiles,
  serve,
  sha256,
  silence,
  startHub,
  temporaryFolder,
} from "./fake-hub.ts";

const GRAPH = "whisper-tiny.onnx";

/** Puts half of the graph into a folder, as a run before left it. */
function leaveHalf(folder: string, etag: string | null = null): void {
  const body = readyFiles()[GRAPH] as Buffer;
  writeFileSync(path.join(folder, `${GRAPH}.part`), body.subarray(0, 2000));
  const state = { bytes: body.length, digest: { kind: "sha256", hex: sha256(body) }, etag };
  writeFileSync(path.join(folder, `${GRAPH}.part.json`), JSON.stringify(state));
}

/** Nothing of the model is in its place. */
function assertNothingInPlace(folder: string): void {
  for (const name of [GRAPH, "whisper-tiny.tokenizer.json", "manifest.json", ".pull.lock"])
    assert.ok(!existsSync(path.join(folder, name)), name);
}

test("a server that lies about the length is refused, whichever way", async (t) => {
  type Lie = (response: ServerResponse, body: Buffer) => unknown;
  const lies: [string, Lie][] = [
    [
      "shorter length",
      (response, body) => response.writeHead(200, { "content-length": 4000 }).end(body.subarray(0, 4000)),
    ],
    [
      "longer length",
      (response, body) =>
        response.writeHead(200, { "content-length": 5001 }).end(Buffer.concat([body, Buffer.from("x")])),
    ],
    [
      "more than listed, in chunks",
      (response, body) => response.writeHead(200).end(Buffer.concat([body, body])),
    ],
    [
      "another total",
      (response, body) =>
        response.writeHead(206, { "content-range": "bytes 2000-4998/4999" }).end(body.subarray(2000, 4999)),
    ],
  ];
  for (const [name, lie] of lies) {
    const hub = await startHub(t, readyFiles());
    hub.onGraph = (_, response, body) => {
      lie(response, body);
      return true;
    };
    const folder = temporaryFolder(t);
    if (name === "another total") leaveHalf(folder);
    await assert.rejects(pullFrom(hub, folder), { code: "HUB_WRONG_LENGTH", message: /--from/ }, name);
    assertNothingInPlace(folder);
  }
});

test("the hub's own headers are compared with its list", async (t) => {
  const cases: [Record<string, string>, string][] = [
    [{ "x-linked-size": "4999" }, "HUB_WRONG_LENGTH"],
    [{ "x-linked-etag": `"${"0".repeat(64)}"` }, "HUB_WRONG_HASH"],
    [{ "x-repo-commit": "0".repeat(40) }, "HUB_BAD_ANSWER"],
  ];
  for (const [headers, code] of cases) {
    const hub = await startHub(t, readyFiles());
    hub.onHub = (_request, response, body) => {
      response.writeHead(200, headers).end(body);
      return true;
    };
    const folder = temporaryFolder(t);
    await assert.rejects(pullFrom(hub, folder), { code });
    assertNothingInPlace(folder);
  }
});

test("a file with another hash never takes its place, and the next run begins it anew", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  hub.onGraph = (request, response, body) => {
    const altered = Buffer.from(body);
    altered[4321] = (altered[4321] as number) ^ 1;
    serve(request, response, altered);
    return true;
  };
  await assert.rejects(pullFrom(hub, folder), {
    code: "HUB_WRONG_HASH",
    message: /expected sha256 [0-9a-f]{64}, got .*pull again/,
  });
  assertNothingInPlace(folder);
  assert.deepEqual(readdirSync(folder), []);
  hub.onGraph = () => false;
  hub.asked.storage.length = 0;
  await pullFrom(hub, folder);
  assert.equal(hub.ranges()[0], undefined);
});

test("a part whose bytes were altered on the disk is found although the rest is right", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  leaveHalf(folder);
  writeFileSync(path.join(folder, `${GRAPH}.part`), Buffer.alloc(2000));
  await assert.rejects(pullFrom(hub, folder), { code: "HUB_WRONG_HASH" });
  assertNothingInPlace(folder);
  await pullFrom(hub, folder);
});

test("a small file is held to Git's hash", async (t) => {
  const hub = await startHub(t, {
    "config.json": Buffer.from('{"model_type": "whisper"}'),
    "generation_config.json": Buffer.from('{"a": 1}'),
    "tokenizer.json": Buffer.from("{}"),
    "model.safetensors": Buffer.alloc(500),
  });
  hub.onStorage = (request, response, body) => {
    if (!request.url?.includes("generation")) return false;
    response.end(Buffer.from(String(body).replace("1", "2")));
    return true;
  };
  const folder = temporaryFolder(t);
  await assert.rejects(pullFrom(hub, folder), {
    code: "HUB_WRONG_HASH",
    message: /generation_config\.json.*Git's hash/,
  });
});

test("a server that does not know ranges gives the whole file, and it is right", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  leaveHalf(folder);
  hub.onGraph = (_, response, body) => {
    response.end(body);
    return true;
  };
  await pullFrom(hub, folder);
  assert.equal(hub.ranges()[0], "bytes=2000-");
  assert.deepEqual(readFileSync(path.join(folder, GRAPH)), readyFiles()[GRAPH]);
});

test("a server that does not satisfy any range is asked for the whole file", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  leaveHalf(folder);
  hub.onGraph = (request, response) => {
    if (request.headers.range === undefined) return false;
    response.writeHead(416, { "content-range": "bytes */5000" }).end();
    return true;
  };
  const told = silence();
  await pullFrom(hub, folder, { told });
  assert.deepEqual([told.retries, told.waitsMs], [["HUB_BAD_ANSWER"], [0]]);
  assert.deepEqual(readFileSync(path.join(folder, GRAPH)), readyFiles()[GRAPH]);
  hub.onGraph = (_, response) => Boolean(response.writeHead(416).end());
  await assert.rejects(pullFrom(hub, temporaryFolder(t)), { code: "HUB_BAD_ANSWER", message: /answers 416/ });
});

test("an answer with another part of the file is refused, and what is there stays", async (t) => {
  for (const range of [
    "bytes 1999-4999/5000",
    "bytes 2000-5000/5000",
    "bytes 2000-1999/5000",
    "bytes 0-4999/5000",
    "items 2000-4999/5000",
    "",
  ]) {
    const hub = await startHub(t, readyFiles());
    const folder = temporaryFolder(t);
    leaveHalf(folder);
    hub.onGraph = (_, response, body) => {
      response.writeHead(206, { "content-range": range }).end(body.subarray(2000));
      return true;
    };
    await assert.rejects(
      pullFrom(hub, folder),
      { code: "HUB_BAD_ANSWER", message: /remove whisper-tiny\.onnx\.part/ },
      range,
    );
    assert.equal(readFileSync(path.join(folder, `${GRAPH}.part`)).length, 2000);
  }
});

test("a part is refused where the whole was asked for", async (t) => {
  const hub = await startHub(t, readyFiles());
  hub.onGraph = (_, response, body) =>
    Boolean(response.writeHead(206, { "content-range": "bytes 0-4999/5000" }).end(body));
  await assert.rejects(pullFrom(hub, temporaryFolder(t)), { code: "HUB_BAD_ANSWER" });
});

test("a server that gives less than the rest is asked again for what is behind it", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  leaveHalf(folder);
  hub.onGraph = (request, response, body) => {
    const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? Number.NaN);
    if (!(from >= 2000 && from < 4000)) return false;
    const to = from + 1000;
    response
      .writeHead(206, { "content-range": `bytes ${from}-${to - 1}/5000`, "content-length": 1000 })
      .end(body.subarray(from, to));
    return true;
  };
  await pullFrom(hub, folder);
  assert.deepEqual(hub.ranges().slice(0, 3), ["bytes=2000-", "bytes=3000-", "bytes=4000-"]);
});

test("the rest of a file that has another tag by now is not put behind the beginning", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  leaveHalf(folder, '"older"');
  await pullFrom(hub, folder); // the storage honours If-Range and sends the whole file
  assert.ok(hub.asked.storage.some(({ headers }) => headers["if-range"] === '"older"'));
  const careless = await startHub(t, readyFiles());
  const other = temporaryFolder(t);
  leaveHalf(other, '"older"');
  careless.onGraph = (request, response, body) => {
    delete request.headers["if-range"];
    serve(request, response, body);
    return true;
  };
  const told = silence();
  await pullFrom(careless, other, { told });
  assert.deepEqual(told.retries, ["HUB_BAD_ANSWER"]);
  assert.equal(careless.ranges()[1], undefined);
});

test("redirects that are not followed end the pull at once", async (t) => {
  const elsewhere = "http://127.0.0.1:1";
  const cases: [string | undefined, RegExp][] = [
    ["ftp://127.0.0.1/file", /another scheme/],
    ["file:///etc/passwd", /another scheme/],
    ["javascript:alert(1)", /another scheme/],
    ["http://10.0.0.1/file", /not public/],
    ["http://169.254.169.254/latest/meta-data", /not public/],
    ["http://[::ffff:192.168.0.1]/file", /not public/],
    ["http://user:word@127.0.0.1/file", /credentials/],
    [undefined, /no address/],
    ["http://[", /no address/],
    [`${elsewhere}/${"x".repeat(9000)}`, /no address/],
  ];
  for (const [location, message] of cases) {
    const hub = await startHub(t, readyFiles());
    hub.onHub = (_, response) =>
      Boolean(response.writeHead(302, location === undefined ? {} : { location }).end());
    const folder = temporaryFolder(t);
    await assert.rejects(pullFrom(hub, folder), { code: "HUB_BAD_REDIRECT", message }, location);
    assert.deepEqual(readdirSync(folder), []);
  }
});

test("a redirect that leads in a circle is left after five", async (t) => {
  const hub = await startHub(t, readyFiles());
  hub.onHub = (request, response) => Boolean(response.writeHead(307, { location: request.url ?? "" }).end());
  await assert.rejects(pullFrom(hub, temporaryFolder(t)), {
    code: "HUB_BAD_REDIRECT",
    message: /more than 5 times/,
  });
  assert.equal(hub.asked.hub.length, 1 + 6);
});

test("the token goes to the hub's own origin and never to another, not even back through one", async (t) => {
  const hub = await startHub(t, readyFiles());
  let back = 0;
  hub.onGraph = (request, response) => {
    if (back > 0) return false;
    back = hub.asked.hub.length;
    return Boolean(response.writeHead(302, { location: `${hub.url}${request.url}` }).end());
  };
  await pullFrom(hub, temporaryFolder(t), { token: "hf_secret" });
  const tokens = hub.asked.hub.map(({ headers }) => headers.authorization);
  assert.equal(tokens[back], undefined, "came back through another origin");
  assert.deepEqual(new Set(tokens.filter((_, index) => index !== back)), new Set(["Bearer hf_secret"]));
  assert.ok(hub.asked.storage.length > 2);
  for (const { headers } of hub.asked.storage) assert.equal(headers.authorization, undefined);
});

test("the token is not sent in clear over a network", () => {
  const may = (url: string): boolean => maySendToken(new URL(url));
  assert.deepEqual(["https://hub.example", "http://localhost:8000", "http://127.0.0.1"].map(may), [
    true,
    true,
    true,
  ]);
  assert.deepEqual(["http://hub.example", "http://10.0.0.1", "http://localhost.example"].map(may), [
    false,
    false,
    false,
  ]);
});

test("a hub that says no is told with what to do about it", async (t) => {
  const cases: [number, Record<string, string>, string, RegExp][] = [
    [401, {}, "HUB_FORBIDDEN", /HF_TOKEN/],
    [
      403,
      { "x-error-code": "GatedRepo" },
      "HUB_FORBIDDEN",
      /conditions must be accepted at http.*owner\/some-whisper/,
    ],
    [404, { "x-error-code": "RevisionNotFound" }, "HUB_NOT_FOUND", /no such revision/],
    [404, {}, "HUB_NOT_FOUND", /look at http/],
    [429, { "retry-after": "7200" }, "HUB_BUSY", /again in 7200 s/],
    [503, {}, "HUB_BUSY", /again later/],
    [500, {}, "HUB_UNREACHABLE", /fault of its own/],
    [204, {}, "HUB_BAD_ANSWER", /204/],
  ];
  for (const [status, headers, code, message] of cases) {
    const url = await listen(t, (_, response) =>
      response.writeHead(status, headers).end("x".repeat(200_000)),
    );
    const folder = temporaryFolder(t);
    await assert.rejects(pullFrom({ url }, folder), { code, message });
    assert.deepEqual(readdirSync(folder), []);
  }
});

test("a hub that is busy with a file is asked again when it says, and not when that is long", async (t) => {
  const hub = await startHub(t, readyFiles());
  let busy = 1;
  hub.onGraph = (_, response) => {
    busy -= 1;
    return busy >= 0 && Boolean(response.writeHead(429, { "retry-after": "3" }).end());
  };
  const told = silence();
  await pullFrom(hub, temporaryFolder(t), { told });
  assert.deepEqual(told.waitsMs, [3000]);
  hub.onGraph = (_, response) => Boolean(response.writeHead(429, { "retry-after": "61" }).end());
  const impatient = { told: silence() };
  await assert.rejects(pullFrom(hub, temporaryFolder(t), impatient), {
    code: "HUB_BUSY",
    message: /in 61 s.*goes on/,
  });
  assert.deepEqual(impatient.told.waitsMs, []);
});

test("a hub that cannot be reached is told so", async (t) => {
  const url = "http://127.0.0.1:1";
  await assert.rejects(pullFrom({ url }, temporaryFolder(t)), {
    code: "HUB_UNREACHABLE",
    message: /ECONNREFUSED.*LINESCRIBE_HUB/,
  });
});

test("a list that is none, too long, or names places elsewhere is refused as a whole", async (t) => {
  const file = { rfilename: "a.onnx", size: 1, blobId: "0".repeat(40) };
  const cases: [unknown, string][] = [
    ["nonsense", "HUB_BAD_ANSWER"],
    [{}, "HUB_BAD_ANSWER"],
    [{ sha: "main", siblings: [] }, "HUB_BAD_ANSWER"],
    [{ sha: "0".repeat(40), siblings: [file, file] }, "HUB_BAD_ANSWER"],
    [{ sha: "0".repeat(40), siblings: [{ ...file, size: -1 }] }, "HUB_BAD_ANSWER"],
    [{ sha: "0".repeat(40), siblings: [{ ...file, size: 2 ** 40 }] }, "HUB_BAD_ANSWER"],
    [{ sha: "0".repeat(40), siblings: [{ ...file, lfs: { sha256: "00", size: 1 } }] }, "HUB_BAD_ANSWER"],
    [
      { sha: "0".repeat(40), siblings: [{ ...file, lfs: { sha256: "0".repeat(64), size: 2 } }] },
      "HUB_BAD_ANSWER",
    ],
    [{ sha: "0".repeat(40), siblings: Array(10_001).fill(file) }, "HUB_BAD_ANSWER"],
    [{ sha: "0".repeat(40), siblings: [], padding: "x".repeat(9e6) }, "HUB_BAD_ANSWER"],
    ...["../evil.onnx", "a/../../b", "/etc/passwd", "..", "a\\b", "C:evil", "a\u0000b", "a//b", "./a"].map(
      (rfilename): [unknown, string] => [
        { sha: "0".repeat(40), siblings: [{ ...file, rfilename }] },
        "HUB_BAD_FILE_NAME",
      ],
    ),
  ];
  for (const [list, code] of cases) {
    const hub = await startHub(t, readyFiles());
    hub.onList = () => list;
    const folder = temporaryFolder(t);
    await assert.rejects(pullFrom(hub, folder), { code }, JSON.stringify(list).slice(0, 200));
    assert.deepEqual(readdirSync(folder), []);
  }
});

test("files in folders and with other names are none of ours", async (t) => {
  const hub = await startHub(t, readyFiles());
  hub.onList = (list) => {
    const odd = ["runs/1/a.onnx", "a b.onnx", "\u00fcber.onnx", `${"x".repeat(300)}.onnx`];
    return {
      ...list,
      siblings: [
        ...list.siblings,
        ...odd.map((rfilename) => ({ rfilename, size: 1, blobId: "0".repeat(40) })),
      ],
    };
  };
  assert.equal((await pullFrom(hub, temporaryFolder(t))).files.length, 2);
});

test("a server that stalls is given up and asked again, in the list, before and within a file", async (t) => {
  const list = async () => {
    const silent = await listen(t, () => {});
    await assert.rejects(pullFrom({ url: silent }, temporaryFolder(t), { stallMs: 100 }), {
      code: "HUB_TIMEOUT",
    });
  };
  const file = async (
    stall: (response: ServerResponse, body: Buffer) => unknown,
    range: string | undefined,
  ) => {
    const hub = await startHub(t, readyFiles());
    let stalls = 1;
    hub.onGraph = (_, response, body) => {
      stalls -= 1;
      if (stalls < 0) return false;
      stall(response, body);
      return true;
    };
    const told = silence();
    await pullFrom(hub, temporaryFolder(t), { stallMs: 100, told });
    assert.deepEqual(told.retries, ["HUB_TIMEOUT"]);
    assert.deepEqual(hub.ranges(), [undefined, range]);
  };
  await Promise.all([
    list(),
    file(() => {}, undefined),
    file((response, body) => response.writeHead(200).write(body.subarray(0, 700)), "bytes=700-"),
  ]);
});

test("a packed body is refused", async (t) => {
  const hub = await startHub(t, readyFiles());
  hub.onGraph = (_request, response, body) => {
    return Boolean(response.writeHead(200, { "content-encoding": "gzip" }).end(body));
  };
  await assert.rejects(pullFrom(hub, temporaryFolder(t)), { code: "HUB_BAD_ANSWER", message: /packed/ });
});

test("a hub that breaks off again and again is left after five tries, and the message says where it goes on", async (t) => {
  const hub = await startHub(t, readyFiles());
  let open: ServerResponse | null = null;
  hub.onGraph = (_request, response, body) => {
    open = response;
    response.writeHead(200, { "content-length": body.length }).write(body.subarray(0, 1500));
    return true;
  };
  const came = (bytes: number) => {
    if (bytes === 1500) open?.destroy();
  };
  const folder = temporaryFolder(t);
  const told = silence();
  const message = /1500 of 5000 bytes of whisper-tiny\.onnx are here, and the next run goes on from there/;
  await assert.rejects(pullFrom(hub, folder, { told, came }), {
    code: "HUB_BROKE_OFF",
    retryable: true,
    message,
  });
  assert.deepEqual(told.waitsMs, [500, 1000, 2000, 4000]);
  assertNothingInPlace(folder);
  hub.onGraph = () => false;
  hub.asked.storage.length = 0;
  await pullFrom(hub, folder);
  assert.ok(hub.ranges().includes("bytes=1500-"));
});

test("a full disk is told as one, and the part stays", { skip: !existsSync("/dev/full") }, async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  leaveHalf(folder);
  unlinkSync(path.join(folder, `${GRAPH}.part`));
  symlinkSync("/dev/full", path.join(folder, `${GRAPH}.part`));
  await assert.rejects(pullFrom(hub, folder), {
    code: "MODEL_NOT_WRITTEN",
    message: /ENOSPC.*Make room.*goes on where it stopped/,
  });
  assertNothingInPlace(folder);
});

test("a disk without room for the files is told before anything of them is fetched", async (t) => {
  const folder = temporaryFolder(t);
  const { bavail, bsize } = statfsSync(folder);
  const size = 2 ** 34;
  if (bavail * bsize > 90 * size) return t.skip("the disk is too large for the largest model there may be");
  const shards = Array.from(
    { length: 99 },
    (_, index) => `model-${String(index).padStart(5, "0")}-of-00099.safetensors`,
  );
  const weight_map = Object.fromEntries(shards.map((shard) => [shard, shard]));
  const hub = await startHub(t, {
    "config.json": Buffer.from('{"model_type": "whisper"}'),
    "generation_config.json": Buffer.from("{}"),
    "tokenizer.json": Buffer.from("{}"),
    "model.safetensors.index.json": Buffer.from(JSON.stringify({ weight_map })),
  });
  const lfs = { sha256: "0".repeat(64), size };
  hub.onList = (list) => ({
    ...list,
    siblings: [...list.siblings, ...shards.map((rfilename) => ({ rfilename, size, lfs }))],
  });
  await assert.rejects(pullFrom(hub, folder), {
    code: "MODEL_NOT_WRITTEN",
    message: /has room for \d+ bytes, \d+ are needed/,
  });
  assert.equal(hub.asked.storage.length, 2);
});

test("a folder that cannot be written is told with its remedy", async (t) => {
  const hub = await startHub(t, readyFiles());
  const file = path.join(temporaryFolder(t), "file");
  writeFileSync(file, "");
  await assert.rejects(pullFrom(hub, path.join(file, "models")), {
    code: "MODEL_NOT_WRITTEN",
    message: /--into/,
  });
  const folder = temporaryFolder(t);
  mkdirSync(path.join(folder, `${GRAPH}.part.json`));
  await assert.rejects(pullFrom(hub, folder), { code: "MODEL_NOT_WRITTEN" });
});

test("two pulls into one folder are one too many, and a lock that a dead process left is taken over", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  const outcomes = await Promise.allSettled([pullFrom(hub, folder), pullFrom(hub, folder)]);
  const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  assert.deepEqual(
    refused.map(({ code }) => code),
    ["MODEL_LOCKED"],
  );
  const lock = path.join(folder, ".pull.lock");
  assert.ok(!existsSync(lock));
  writeFileSync(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: os.hostname() }));
  await pullFrom(hub, folder);
  for (const held of [
    JSON.stringify({ pid: process.pid, host: os.hostname() }),
    JSON.stringify({ pid: 1, host: "elsewhere" }),
    "torn",
  ]) {
    writeFileSync(lock, held);
    await assert.rejects(pullFrom(hub, folder), { code: "MODEL_LOCKED", message: /remove .*\.pull\.lock/ });
    const longAgo = new Date(Date.now() - 61_000);
    utimesSync(lock, longAgo, longAgo);
    await pullFrom(hub, folder);
    assert.ok(!existsSync(lock));
  }
});

test("a pull that is interrupted stops at once and leaves its part", async (t) => {
  const hub = await startHub(t, readyFiles());
  const stop = new AbortController();
  hub.onGraph = (_request, response, body) => {
    response.writeHead(200, { "content-length": body.length }).write(body.subarray(0, 800));
    return true;
  };
  const came = (bytes: number) => {
    if (bytes === 800) stop.abort(new Error("stopped"));
  };
  const folder = temporaryFolder(t);
  await assert.rejects(pullFrom(hub, folder, { signal: stop.signal, came }), /stopped/);
  assert.equal(readFileSync(path.join(folder, `${GRAPH}.part`)).length, 800);
  assertNothingInPlace(folder);
});

test("a part of another content, larger than the file, or without a word on what it is, is begun anew", async (t) => {
  const spoil: ((part: string, state: Record<string, unknown>) => unknown)[] = [
    (part, state) =>
      writeFileSync(
        `${part}.json`,
        JSON.stringify({ ...state, digest: { kind: "sha256", hex: "0".repeat(64) } }),
      ),
    (part, state) => writeFileSync(`${part}.json`, JSON.stringify({ ...state, bytes: 4999 })),
    (part) => writeFileSync(`${part}.json`, '{"bytes": 5000'),
    (part) => unlinkSync(`${part}.json`),
    (part) => writeFileSync(part, Buffer.alloc(5001)),
    (part) => unlinkSync(part),
  ];
  const hub = await startHub(t, readyFiles());
  for (const change of spoil) {
    const folder = temporaryFolder(t);
    leaveHalf(folder);
    const part = path.join(folder, `${GRAPH}.part`);
    change(part, JSON.parse(readFileSync(`${part}.json`, "utf8")));
    hub.asked.storage.length = 0;
    await pullFrom(hub, folder);
    assert.deepEqual(hub.ranges(), [undefined]);
  }
});
