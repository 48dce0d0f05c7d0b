/**
 * A store in one SQLite file, for a single machine: one transaction for each group, on the disk when it is acknowledged.
 *
 * One process has the file at a time, for as long as it runs (`sqlite_file.ts`). Its writes block the event loop, which is
 * what one group for each tick is for.
 *
 * @module
 */
import { ActorError, RecordsUnavailableError } from "../errors.ts";
import type { Sqlite, SqliteStatement } from "../platform/sqlite.ts";
import { openStoreFile, type StoreFile } from "./sqlite_file.ts";
import {
  STORED_BYTES_MAX,
  type Store,
  type StoreEntry,
  type StoreHead,
  type StoreKey,
  type StoreOutcome,
  type StoreWrite,
} from "./store.ts";

/** Where the file is, and its bounds. */
export interface SqliteStoreOptions {
  /** Of a file, made if it is missing; its folder must be there. Neither `:memory:` nor a URI. */
  readonly path: string;
  /** Largest entry in bytes. Default 16 MiB. */
  readonly bytesMax?: number;
}

/** A store in a file of its own. */
export interface SqliteStore extends Store {
  /**
   * Copies the whole store, as it is at this moment, into a new file, on the disk when it resolves. Opened in place of this
   * one, it is the same store. Commits go on meanwhile. Deno needs `--allow-read` and `--allow-write` for `path` and for
   * `<path>.unfinished`.
   *
   * Copy the file in no other way while it is open: what was committed last is beside it, and SQLite's own lock on it would
   * end.
   *
   * @throws {ConfigurationError} if there is something at `path`, or another copy is being made
   * @throws {RecordsUnavailableError} if the copy cannot be written, or the store is closed meanwhile
   */
  backup(path: string): Promise<void>;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    kind TEXT NOT NULL, shard INTEGER NOT NULL, name TEXT NOT NULL,
    revision INTEGER NOT NULL, nonce TEXT NOT NULL, timers INTEGER NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (kind, shard, name)
  );
  CREATE INDEX IF NOT EXISTS entries_with_timers ON entries (kind, shard) WHERE timers = 1;
  CREATE TABLE IF NOT EXISTS epochs (
    kind TEXT NOT NULL, shard INTEGER NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (kind, shard)
  );
  CREATE TABLE IF NOT EXISTS revisions (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
  INSERT OR IGNORE INTO revisions VALUES (1, 0);
  CREATE TABLE IF NOT EXISTS labels (name TEXT PRIMARY KEY, text TEXT NOT NULL);
`;
const THIS = "WHERE kind = ? AND shard = ? AND name = ?";

/**
 * Opens a store. Deno needs `--allow-read` and `--allow-write` for the file.
 *
 * @throws {ConfigurationError} if the path names no file, the file cannot be used, or another process (or store of this
 *   one) has it
 */
export async function sqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { path, bytesMax = STORED_BYTES_MAX } = options;
  const file = await openStoreFile(path, SCHEMA);
  return new FileStore(file, bytesMax);
}

class FileStore implements SqliteStore {
  readonly bytesMax: number;
  readonly #file: StoreFile;
  readonly #database: Sqlite;
  readonly #load: SqliteStatement;
  readonly #head: SqliteStatement;
  readonly #put: SqliteStatement;
  readonly #delete: SqliteStatement;
  readonly #timed: SqliteStatement;
  readonly #epoch: SqliteStatement;
  readonly #raise: SqliteStatement;
  readonly #count: SqliteStatement;
  readonly #label: SqliteStatement;
  readonly #writeLabel: SqliteStatement;
  #closed = false;

  constructor(file: StoreFile, bytesMax: number) {
    const { database } = file;
    this.#file = file;
    this.#database = database;
    this.bytesMax = bytesMax;
    this.#load = database.prepare(`SELECT revision, nonce, bytes FROM entries ${THIS}`);
    this.#head = database.prepare(`SELECT revision, nonce FROM entries ${THIS}`);
    this.#put = database.prepare(
      "INSERT OR REPLACE INTO entries (kind, shard, name, revision, nonce, timers, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    this.#delete = database.prepare(`DELETE FROM entries ${THIS}`);
    // as bytes: one of the runtimes ends a text at its first NUL
    this.#timed = database.prepare(
      "SELECT CAST(name AS BLOB) AS name FROM entries WHERE kind = ? AND shard = ? AND timers = 1",
    );
    this.#epoch = database.prepare("SELECT epoch FROM epochs WHERE kind = ? AND shard = ?");
    this.#raise = database.prepare(
      `INSERT INTO epochs VALUES (?, ?, ?)
       ON CONFLICT (kind, shard) DO UPDATE SET epoch = max(epoch, excluded.epoch)`,
    );
    this.#label = database.prepare("SELECT text FROM labels WHERE name = ?");
    this.#writeLabel = database.prepare("INSERT OR IGNORE INTO labels VALUES (?, ?)");
    this.#count = database.prepare("UPDATE revisions SET last = last + 1 RETURNING last");
  }

  load(key: StoreKey): Promise<StoreEntry | undefined> {
    return this.#answer("read", () => {
      const row = this.#load.get(key.kind, key.shard, key.name);
      if (!row) return undefined;
      return { ...headOf(row), bytes: Uint8Array.from(row.bytes as Uint8Array) };
    });
  }

  head(key: StoreKey): Promise<StoreHead | undefined> {
    return this.#answer("read", () => {
      const row = this.#head.get(key.kind, key.shard, key.name);
      return row ? headOf(row) : undefined;
    });
  }

  commit(writes: readonly StoreWrite[]): readonly Promise<StoreOutcome>[] {
    const outcomes = this.#answer("write", () =>
      this.#together(() => writes.map((write) => this.#write(write))),
    );
    return writes.map((_, i) => outcomes.then((all) => all[i] as StoreOutcome));
  }

  #write(write: StoreWrite): StoreOutcome {
    const { kind, shard, name, nonce, timers, bytes, epoch } = write;
    if (this.#revisionOf(write) !== write.revision) return { ok: false };
    const revision = this.#nextRevision();
    this.#raise.run(kind, shard, epoch);
    this.#put.run(kind, shard, name, revision, nonce, timers ? 1 : 0, bytes);
    return { ok: true, revision };
  }

  remove(key: StoreKey, revision: number): Promise<StoreOutcome> {
    return this.#answer("remove", () =>
      this.#together(() => {
        if (revision === 0 || this.#revisionOf(key) !== revision) return { ok: false };
        this.#delete.run(key.kind, key.shard, key.name);
        return { ok: true, revision: this.#nextRevision() };
      }),
    );
  }

  /** The mark is part of the entry, so it is never wrong. */
  timed(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]> {
    const ofOne = (shard: number) =>
      this.#timed.all(kind, shard).map((row) => ({ kind, shard, name: nameOf(row) }));
    return this.#answer("list", () => [...shards].flatMap(ofOne));
  }

  highestEpoch(kind: string, shard: number): Promise<number> {
    return this.#answer("read", () => Number(this.#epoch.get(kind, shard)?.epoch ?? 0));
  }

  label(name: string, text?: string): Promise<string | undefined> {
    return this.#answer("label", () => {
      if (text !== undefined) this.#together(() => this.#writeLabel.run(name, text));
      return this.#label.get(name)?.text as string | undefined;
    });
  }

  backup(path: string): Promise<void> {
    return this.#answer("back up", () => this.#file.copyTo(path));
  }

  close(): Promise<void> {
    if (!this.#closed) this.#file.close();
    this.#closed = true;
    return Promise.resolve();
  }

  #revisionOf(key: StoreKey): number {
    return Number(this.#head.get(key.kind, key.shard, key.name)?.revision ?? 0);
  }

  /** Never one that was used before, also for an entry that was removed and made again. */
  #nextRevision(): number {
    return Number(this.#count.get()?.last);
  }

  #together<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      this.#file.check(); // what is acknowledged is in the file of that name
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** A full or failing disk is a store that gives no answer: whoever waits tries again. */
  async #answer<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    try {
      if (this.#closed) throw new Error("it is closed");
      this.#file.check();
      return await work();
    } catch (cause) {
      if (cause instanceof ActorError) throw cause;
      const words = cause instanceof Error ? cause.message : String(cause);
      throw new RecordsUnavailableError(`Cannot ${what} in the store: ${words}`, { cause });
    }
  }
}

function nameOf({ name }: Record<string, unknown>): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(name as Uint8Array);
}

function headOf(row: Record<string, unknown>): StoreHead {
  return { revision: Number(row.revision), nonce: String(row.nonce) };
}
