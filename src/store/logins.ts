/**
 * Logins: browsers that showed a key once and send a random token since. Only hashes of tokens are stored.
 */
import type Database from "better-sqlite3";
import { guardStore } from "./database.ts";

export interface StoredLogin {
  /** SHA-256 of the token. [32] */
  tokenHash: Uint8Array;
  keyId: string;
  /** SHA-256 of the secret that was shown: the login ends with it. [32] */
  keyHash: Uint8Array;
  /** Epoch ms, as all that ends in `At`. */
  createdAt: number;
  usedAt: number;
  expiresAt: number;
}

/** Every method throws a `LinescribeError` STORE_FULL or STORE_FAILED when it could not do all that it says. */
export class Logins {
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#statements = prepare(database);
  }

  get(tokenHash: Uint8Array): StoredLogin | null {
    return guardStore("read a login", () => this.#statements.get.get(tokenHash)) ?? null;
  }

  /** Adds a login; of its key the newest `maximum` stay, and none that expired or was not used since `idleSince`. */
  add(login: StoredLogin, { maximum, idleSince }: { maximum: number; idleSince: number }): void {
    const { tokenHash, keyId, keyHash, createdAt, usedAt, expiresAt } = login;
    guardStore("add a login", () =>
      this.#database
        .transaction(() => {
          this.#statements.prune.run(createdAt, idleSince);
          this.#statements.add.run(tokenHash, keyId, keyHash, createdAt, usedAt, expiresAt);
          this.#statements.keepNewest.run(keyId, keyId, maximum);
        })
        .immediate(),
    );
  }

  /** Remembers when a login was last used. */
  use(tokenHash: Uint8Array, at: number): void {
    guardStore("remember when a login was used", () => this.#statements.use.run(at, tokenHash));
  }

  /** Ends a login. Returns false when there is no such login. */
  remove(tokenHash: Uint8Array): boolean {
    return guardStore("end a login", () => this.#statements.remove.run(tokenHash).changes === 1);
  }
}

function prepare(database: Database.Database) {
  return {
    get: database.prepare<[Uint8Array], StoredLogin>(
      `SELECT token_hash AS tokenHash, key_id AS keyId, key_hash AS keyHash, created_at AS createdAt,
         used_at AS usedAt, expires_at AS expiresAt FROM login WHERE token_hash = ?`,
    ),
    add: database.prepare<[Uint8Array, string, Uint8Array, number, number, number]>(
      `INSERT INTO login(token_hash, key_id, key_hash, created_at, used_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    prune: database.prepare<[number, number]>("DELETE FROM login WHERE expires_at <= ? OR used_at <= ?"),
    keepNewest: database.prepare<[string, string, number]>(
      `DELETE FROM login WHERE key_id = ? AND token_hash NOT IN
         (SELECT token_hash FROM login WHERE key_id = ? ORDER BY created_at DESC, token_hash LIMIT ?)`,
    ),
    use: database.prepare<[number, Uint8Array]>(
      "UPDATE login SET used_at = max(used_at, ?) WHERE token_hash = ?",
    ),
    remove: database.prepare<[Uint8Array]>("DELETE FROM login WHERE token_hash = ?"),
  };
}
