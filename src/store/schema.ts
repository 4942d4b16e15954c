/**
 * The tables of the store and their versions: each migration raises `user_version` by one.
 */
import type Database from "better-sqlite3";
import { LinescribeError } from "../base/error.ts";
import { fillSpoken, SEQUENCES, TOKENIZER } from "./spoken.ts";

/**
 * - `event.body` is the webhook body, written once and never changed: what is signed is what was committed.
 * - `outbox` has a row for each event that an endpoint is owed; its content stays in `event`.
 * - `lane` has a row for each (endpoint, call) with pending rows, so that finding what is due costs an index seek
 *   and not a search through everything pending.
 * - `api_key` holds hashes of secrets, never a secret; `scopes` is a list separated by commas. A row is never deleted, so
 *   that a store that once had a key never again answers without one.
 * - `call.kind` tells a phone call from a session: audio from a client that is no carrier, kept in the same tables.
 * - `call.number` counts calls as they are opened: the order of lists. `finals`, `gaps` and `end_reason` are what the events
 *   say, so that a list need not read them, and `call_language` has the languages of a call's finals.
 * - `spoken` is the full-text index of finals, see `spoken.ts`; a trigger keeps what is deleted from staying in it.
 * - `callback` holds what is owed to URLs of API callers; a row is deleted when it is delivered, and `body` is null once it
 *   was given up. See `callbacks.ts`.
 * - `login` is a browser that showed a key: the hash of its cookie, and of the secret that it showed.
 * - Positions in media time are REAL: they are milliseconds, and a fraction must not make a commit fail.
 */
const MIGRATIONS: readonly (string | ((database: Database.Database) => void))[] = [
  `
  CREATE TABLE call(
    call_sid TEXT PRIMARY KEY,
    to_number TEXT NOT NULL,
    from_number TEXT NOT NULL,
    mode TEXT NOT NULL CHECK(mode IN ('start', 'connect')),
    endpoint TEXT,
    started_at INTEGER,
    media_start_at INTEGER,
    opened_at INTEGER NOT NULL,
    ended_at INTEGER,
    last_sequence INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX call_unfinished ON call(opened_at) WHERE ended_at IS NULL;
  CREATE INDEX call_ended ON call(ended_at) WHERE ended_at IS NOT NULL;

  CREATE TABLE track(
    call_sid TEXT NOT NULL REFERENCES call(call_sid) ON DELETE CASCADE,
    track TEXT NOT NULL CHECK(track IN ('inbound', 'outbound')),
    label TEXT NOT NULL,
    media_ms REAL NOT NULL DEFAULT 0,
    settled_ms REAL NOT NULL DEFAULT 0,
    PRIMARY KEY(call_sid, track)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE event(
    call_sid TEXT NOT NULL REFERENCES call(call_sid) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    track TEXT,
    number INTEGER,
    start_ms REAL,
    end_ms REAL,
    committed_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY(call_sid, sequence)
  ) STRICT;

  CREATE TABLE outbox(
    id INTEGER PRIMARY KEY,
    call_sid TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK(state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    strikes INTEGER NOT NULL DEFAULT 0,
    queued_at INTEGER NOT NULL,
    last_attempt_at INTEGER,
    last_status INTEGER,
    last_error TEXT,
    last_response TEXT,
    settled_at INTEGER,
    UNIQUE(call_sid, sequence),
    FOREIGN KEY(call_sid, sequence) REFERENCES event(call_sid, sequence) ON DELETE CASCADE
  ) STRICT;
  CREATE INDEX outbox_pending ON outbox(endpoint, call_sid, sequence) WHERE state = 'pending';
  CREATE INDEX outbox_pending_age ON outbox(queued_at) WHERE state = 'pending';
  CREATE INDEX outbox_delivered ON outbox(settled_at) WHERE state = 'delivered';
  CREATE INDEX outbox_dead ON outbox(settled_at) WHERE state = 'dead';

  CREATE TABLE lane(
    endpoint TEXT NOT NULL,
    call_sid TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    PRIMARY KEY(endpoint, call_sid)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX lane_due ON lane(endpoint, next_at);

  CREATE TABLE disabled_endpoint(
    endpoint TEXT PRIMARY KEY,
    disabled_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE probe(id INTEGER PRIMARY KEY CHECK(id = 1), at INTEGER NOT NULL, filler BLOB NOT NULL) STRICT;
  `,
  `
  CREATE TABLE api_key(
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    secret_hash BLOB NOT NULL CHECK(length(secret_hash) = 32),
    previous_hash BLOB CHECK(length(previous_hash) = 32),
    previous_until INTEGER,
    created_at INTEGER NOT NULL,
    rotated_at INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE call ADD COLUMN kind TEXT NOT NULL DEFAULT 'call' CHECK(kind IN ('call', 'session'));
  `,
  (database) => {
    database.exec(CATALOGUE);
    fillSpoken(database);
  },
  `
  CREATE TABLE callback(
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    key_id TEXT,
    url TEXT NOT NULL,
    origin TEXT NOT NULL,
    method TEXT NOT NULL CHECK(method IN ('POST', 'PUT')),
    body TEXT,
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL CHECK(state IN ('promised', 'pending', 'dead')),
    doubted INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,
    created_at INTEGER NOT NULL,
    last_status INTEGER,
    last_error TEXT,
    settled_at INTEGER
  ) STRICT;
  CREATE INDEX callback_request ON callback(request_id, id);
  CREATE INDEX callback_due ON callback(next_at) WHERE state = 'pending' AND next_at IS NOT NULL;
  CREATE INDEX callback_owed ON callback(key_id, bytes) WHERE state <> 'dead';
  CREATE INDEX callback_dead ON callback(settled_at) WHERE state = 'dead';
  `,
  `
  CREATE TABLE login(
    token_hash BLOB PRIMARY KEY CHECK(length(token_hash) = 32),
    key_id TEXT NOT NULL REFERENCES api_key(id),
    key_hash BLOB NOT NULL CHECK(length(key_hash) = 32),
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX login_key ON login(key_id, created_at);
  `,
];

/**
 * What lists and search read. Prefixes of two and three letters have an index of their own, because they begin many words;
 * sizes of texts, which ranking would need, are not kept.
 */
const CATALOGUE = `
  ALTER TABLE call ADD COLUMN number INTEGER;
  ALTER TABLE call ADD COLUMN finals INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE call ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE call ADD COLUMN end_reason TEXT;
  CREATE TEMP TABLE numbered AS
    SELECT call_sid, row_number() OVER (ORDER BY opened_at, call_sid) AS number FROM call;
  CREATE UNIQUE INDEX numbered_call ON numbered(call_sid);
  UPDATE call SET number = (SELECT number FROM numbered WHERE numbered.call_sid = call.call_sid),
    finals = (SELECT count(*) FROM event e WHERE e.call_sid = call.call_sid AND e.type = 'transcript.final'),
    gaps = (SELECT count(*) FROM event e WHERE e.call_sid = call.call_sid AND e.type = 'transcript.gap'),
    end_reason = (SELECT body ->> '$.data.reason' FROM event e
                  WHERE e.call_sid = call.call_sid AND e.type = 'call.ended');
  DROP TABLE numbered;
  CREATE UNIQUE INDEX call_number ON call(number);
  CREATE INDEX call_opened ON call(opened_at, number);
  CREATE INDEX call_to ON call(to_number, number);
  CREATE INDEX call_from ON call(from_number, number);
  CREATE INDEX call_faulty ON call(number) WHERE gaps > 0 OR end_reason = 'crash';
  CREATE INDEX outbox_dead_call ON outbox(call_sid) WHERE state = 'dead';

  CREATE TABLE call_language(
    call_sid TEXT NOT NULL REFERENCES call(call_sid) ON DELETE CASCADE,
    language TEXT NOT NULL,
    PRIMARY KEY(call_sid, language)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX call_language_calls ON call_language(language, call_sid);

  CREATE VIRTUAL TABLE spoken USING fts5(
    text, tokenize = "${TOKENIZER}", prefix = '2 3', columnsize = 0
  );
  CREATE TRIGGER call_unspoken AFTER DELETE ON call BEGIN
    DELETE FROM spoken WHERE rowid BETWEEN old.number * ${SEQUENCES} AND (old.number + 1) * ${SEQUENCES} - 1;
  END;
`;

/**
 * Brings the tables to the newest version, each step in its own transaction.
 *
 * @param target - Version to stop at, for tests of the steps.
 * @throws {LinescribeError} STORE_FAILED when a newer program wrote the file.
 */
export function migrate(database: Database.Database, target = MIGRATIONS.length): void {
  const version = database.pragma("user_version", { simple: true }) as number;
  if (version > MIGRATIONS.length) {
    throw new LinescribeError(
      "STORE_FAILED",
      `Expected a store of version ${MIGRATIONS.length} or older, got version ${version}: a newer Linescribe wrote it`,
    );
  }
  MIGRATIONS.slice(version, target).forEach((step, index) => {
    database
      .transaction(() => {
        if (typeof step === "string") database.exec(step);
        else step(database);
        database.pragma(`user_version = ${version + index + 1}`);
      })
      .immediate();
  });
}
