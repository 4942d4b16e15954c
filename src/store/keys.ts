/**
 * The API keys: what each may do, until when, and the hashes by which it is recognised. Secrets are never stored.
 */
import type Database from "better-sqlite3";
import { guardStore } from "./database.ts";

export interface StoredKey {
  /** The public half of the key, shown in lists and logs. */
  id: string;
  /** What its owner calls it. */
  name: string;
  scopes: string[];
  /** SHA-256 of the current secret. [32] */
  secretHash: Uint8Array;
  /** SHA-256 of the secret before the last rotation, which works until `previousUntil`. [32] */
  previousHash: Uint8Array | null;
  previousUntil: number | null;
  /** Epoch ms, as all that ends in `At` or `Until`. */
  createdAt: number;
  rotatedAt: number | null;
  expiresAt: number | null;
  revokedAt: number | null;
  /** Written every minute or so, so it may be that old, or lost with a crash. */
  lastUsedAt: number | null;
}

export type NewKey = Pick<StoredKey, "id" | "name" | "scopes" | "secretHash" | "createdAt" | "expiresAt">;

export interface Rotation {
  id: string;
  secretHash: Uint8Array;
  /** The secret before works until then, epoch ms; null: no longer. */
  previousUntil: number | null;
  at: number;
  /** Replaces the expiry. */
  expiresAt: number | null;
}

type KeyRow = Omit<StoredKey, "scopes"> & { scopes: string };

/** Every method throws a `LinescribeError` STORE_FULL or STORE_FAILED when it could not do all that it says. */
export class Keys {
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#statements = prepare(database);
  }

  /** Whether there ever was a key, revoked and expired ones included. */
  any(): boolean {
    return guardStore("look for keys", () => this.#statements.any.get() === 1);
  }

  get(id: string): StoredKey | null {
    const row = guardStore("read a key", () => this.#statements.get.get(id));
    return row === undefined ? null : asKey(row);
  }

  /** In the order in which they were made. */
  list(): StoredKey[] {
    return guardStore("list keys", () => this.#statements.list.all()).map(asKey);
  }

  add({ id, name, scopes, secretHash, createdAt, expiresAt }: NewKey): void {
    guardStore("add a key", () =>
      this.#statements.add.run(id, name, scopes.join(), secretHash, createdAt, expiresAt),
    );
  }

  /** Gives a key another secret. Returns false, and changes nothing, when there is no such key or it is revoked. */
  rotate({ id, secretHash, previousUntil, at, expiresAt }: Rotation): boolean {
    return guardStore(
      "rotate a key",
      () => this.#statements.rotate.run({ id, secretHash, previousUntil, at, expiresAt }).changes === 1,
    );
  }

  /** Ends a key with all its secrets. Returns false when there is no such key; one that is revoked stays as it is. */
  revoke(id: string, at: number): boolean {
    return guardStore("revoke a key", () => this.#statements.revoke.run(at, id).changes === 1);
  }

  /** Remembers when keys were last used, in one transaction; no time moves back. */
  saveLastUsed(times: ReadonlyMap<string, number>): void {
    guardStore("remember when keys were used", () =>
      this.#database
        .transaction(() => {
          for (const [id, at] of times) this.#statements.saveLastUsed.run(at, id);
        })
        .immediate(),
    );
  }
}

function asKey(row: KeyRow): StoredKey {
  return { ...row, scopes: row.scopes.split(",").filter(Boolean) };
}

function prepare(database: Database.Database) {
  const columns = `id, name, scopes, secret_hash AS secretHash, previous_hash AS previousHash,
    previous_until AS previousUntil, created_at AS createdAt, rotated_at AS rotatedAt, expires_at AS expiresAt,
    revoked_at AS revokedAt, last_used_at AS lastUsedAt`;
  return {
    any: database.prepare<[], number>("SELECT EXISTS(SELECT 1 FROM api_key)").pluck(),
    get: database.prepare<[string], KeyRow>(`SELECT ${columns} FROM api_key WHERE id = ?`),
    list: database.prepare<[], KeyRow>(`SELECT ${columns} FROM api_key ORDER BY created_at, id`),
    add: database.prepare<[string, string, string, Uint8Array, number, number | null]>(
      `INSERT INTO api_key(id, name, scopes, secret_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    rotate: database.prepare<[Rotation]>(
      `UPDATE api_key SET secret_hash = @secretHash, rotated_at = @at, expires_at = @expiresAt,
         previous_until = @previousUntil,
         previous_hash = CASE WHEN @previousUntil IS NULL THEN NULL ELSE secret_hash END
       WHERE id = @id AND revoked_at IS NULL`,
    ),
    revoke: database.prepare<[number, string]>(
      "UPDATE api_key SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?",
    ),
    saveLastUsed: database.prepare<[number, string]>(
      "UPDATE api_key SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?",
    ),
  };
}
