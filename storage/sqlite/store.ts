/**
 * A store in one SQLite file, for a single machine: one transaction for each group, on the disk when it is acknowledged.
 *
 * One process has the file at a time, for as long as it runs (`file.ts`). Its writes block the event loop, which is
 * what one group for each tick is for.
 *
 * @module
 */
import type { Sqlite, SqliteStatement } from "../../platform/sqlite.ts";
import { ConfigurationError } from "../../errors.ts";
import { cleanClock } from "../../platform/async_context.ts";
import { systemClock } from "../../platform/clock.ts";
import { isRefusal, type Records } from "../../transport/records.ts";
import { storeError } from "./errors.ts";
import { labelOfShards } from "../identity.ts";
import { openStoreFile, type StoreFile } from "./file.ts";
import { FileBucket, type FileBucketOptions } from "./records.ts";
import type { DuePage } from "../due_in_order.ts";
import { compareNames, type NamePage } from "../names_in_order.ts";
import {
  STORED_BYTES_MAX,
  type Store,
  type StoreDue,
  type StoreEntry,
  type StoreHead,
  type StoreKey,
  type StoreOutcome,
  type StoreWrite,
} from "../store.ts";

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
  /**
   * Takes the buckets of records that lie beside the entries, for one user: they end with the store. A node that was given the store as
   * `parkTo` has its records and parked shards there. The function opens one, and makes it if it is missing; it rejects with
   * `RecordsRefusedError` if the file is damaged.
   *
   * @throws {ConfigurationError} if somebody has taken them
   */
  takeBuckets(options?: FileBucketOptions): (name: string) => Promise<Records>;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    kind TEXT NOT NULL, shard INTEGER NOT NULL, name TEXT NOT NULL,
    revision INTEGER NOT NULL, nonce TEXT NOT NULL, timers INTEGER NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (kind, shard, name)
  );
  CREATE INDEX IF NOT EXISTS entries_with_timers ON entries (kind, shard) WHERE timers = 1;
  CREATE TABLE IF NOT EXISTS dues (
    kind TEXT NOT NULL, shard INTEGER NOT NULL, name TEXT NOT NULL, due REAL NOT NULL,
    PRIMARY KEY (kind, shard, name)
  );
  CREATE INDEX IF NOT EXISTS dues_in_order ON dues (kind, due, name);
  CREATE INDEX IF NOT EXISTS dues_of_shard ON dues (kind, shard, due, name);
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

/** The same, for development: it does not wait for the disk. Rejects as {@link sqliteStore} does. */
export async function devStore(path: string): Promise<SqliteStore> {
  return new FileStore(await openStoreFile(path, SCHEMA, "process"), STORED_BYTES_MAX);
}

class FileStore implements SqliteStore {
  readonly bytesMax: number;
  readonly #file: StoreFile;
  readonly #database: Sqlite;
  readonly #load: SqliteStatement;
  readonly #head: SqliteStatement;
  readonly #insert: SqliteStatement;
  readonly #update: SqliteStatement;
  readonly #delete: SqliteStatement;
  readonly #timed: SqliteStatement;
  readonly #due: SqliteStatement;
  readonly #dueOfOne: SqliteStatement;
  readonly #writeDue: SqliteStatement;
  readonly #deleteDue: SqliteStatement;
  readonly #names: SqliteStatement;
  readonly #epoch: SqliteStatement;
  readonly #raise: SqliteStatement;
  readonly #count: SqliteStatement;
  readonly #label: SqliteStatement;
  readonly #writeLabel: SqliteStatement;
  readonly #buckets = new Map<string, FileBucket>();
  #areTaken = false;
  #closed = false;

  constructor(file: StoreFile, bytesMax: number) {
    const { database } = file;
    this.#file = file;
    this.#database = database;
    this.bytesMax = bytesMax;
    this.#load = database.prepare(`SELECT revision, nonce, bytes FROM entries ${THIS}`);
    this.#head = database.prepare(`SELECT revision, nonce FROM entries ${THIS}`);
    this.#insert = database.prepare(
      "INSERT INTO entries (revision, nonce, timers, bytes, kind, shard, name) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    // in its place: it touches no pages of others, of which one may be damaged
    this.#update = database.prepare(
      `UPDATE entries SET revision = ?, nonce = ?, timers = ?, bytes = ? ${THIS}`,
    );
    this.#delete = database.prepare(`DELETE FROM entries ${THIS}`);
    // as bytes: one of the runtimes ends a text at its first NUL
    this.#timed = database.prepare(
      "SELECT CAST(name AS BLOB) AS name FROM entries WHERE kind = ? AND shard = ? AND timers = 1",
    );
    const due = (index: string, ofShards: string) =>
      database.prepare(
        `SELECT shard, CAST(name AS BLOB) AS name, due FROM dues INDEXED BY ${index}
         WHERE kind = ? AND shard ${ofShards} AND due >= ? AND (due > ? OR name > ?) ORDER BY due, name LIMIT ?`,
      );
    this.#due = due("dues_in_order", "IN (SELECT value FROM json_each(?))");
    this.#dueOfOne = due("dues_of_shard", "= ?");
    this.#writeDue = database.prepare(
      "INSERT OR REPLACE INTO dues (due, kind, shard, name) VALUES (?, ?, ?, ?)",
    );
    this.#deleteDue = database.prepare(`DELETE FROM dues ${THIS}`);
    this.#names = database.prepare(
      "SELECT CAST(name AS BLOB) AS name FROM entries WHERE kind = ? AND shard = ? AND name >= ? ORDER BY name LIMIT ?",
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
    return this.#answerOne("read", () => {
      const row = this.#load.get(key.kind, key.shard, key.name);
      if (!row) return undefined;
      return { ...headOf(row), bytes: Uint8Array.from(row.bytes as Uint8Array) };
    });
  }

  head(key: StoreKey): Promise<StoreHead | undefined> {
    return this.#answerOne("read", () => {
      const row = this.#head.get(key.kind, key.shard, key.name);
      return row ? headOf(row) : undefined;
    });
  }

  commit(writes: readonly StoreWrite[]): readonly Promise<StoreOutcome>[] {
    const outcomes = this.#writeAll(writes);
    return writes.map((write, i) =>
      outcomes.then(
        (all) => all[i] as StoreOutcome,
        (error: unknown) => this.#alone(write, writes.length, error),
      ),
    );
  }

  #writeAll(writes: readonly StoreWrite[]): Promise<StoreOutcome[]> {
    const work = () => this.#together(() => writes.map((write) => this.#write(write)));
    return writes.length === 1 ? this.#answerOne("write", work) : this.#answer("write", work);
  }

  /** One of a group that meets a damaged page must not take the others along. */
  async #alone(write: StoreWrite, ofGroup: number, error: unknown): Promise<StoreOutcome> {
    if (ofGroup === 1 || !isRefusal(error)) throw error;
    const [outcome] = await this.#writeAll([write]);
    return outcome as StoreOutcome;
  }

  #write(write: StoreWrite): StoreOutcome {
    const { kind, shard, name, nonce, timers, dueAt, wasDueAt, afterLoss, bytes, epoch } = write;
    if (this.#revisionOf(write) !== write.revision) return { ok: false };
    const revision = this.#nextRevision();
    this.#raise.run(kind, shard, epoch);
    const put = write.revision === 0 ? this.#insert : this.#update;
    if (dueAt !== wasDueAt || afterLoss) this.#setDue(write, dueAt);
    put.run(revision, nonce, timers ? 1 : 0, bytes, kind, shard, name);
    return { ok: true, revision };
  }

  #setDue({ kind, shard, name }: StoreKey, dueAt: number | undefined): void {
    if (dueAt === undefined) this.#deleteDue.run(kind, shard, name);
    else this.#writeDue.run(dueAt, kind, shard, name);
  }

  remove(key: StoreKey, revision: number): Promise<StoreOutcome> {
    return this.#answer("remove", () =>
      this.#together(() => {
        if (revision === 0 || this.#revisionOf(key) !== revision) return { ok: false };
        this.#delete.run(key.kind, key.shard, key.name);
        this.#setDue(key, undefined);
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

  /** So are the times: they are written with it. Neither index is read beyond the page: of many shards, who has the file serves nearly all. */
  due(kind: string, shards: ReadonlySet<number>, { after, limit }: DuePage): Promise<readonly StoreDue[]> {
    const from = after?.dueAt ?? -Number.MAX_VALUE;
    const [only] = shards;
    const [due, which] =
      shards.size === 1 && only !== undefined
        ? [this.#dueOfOne, only]
        : [this.#due, JSON.stringify([...shards])];
    return this.#answer("list", () =>
      due
        .all(kind, which, from, from, after?.name ?? "", limit)
        .map((row) => ({ kind, shard: Number(row.shard), name: nameOf(row), dueAt: Number(row.due) })),
    );
  }

  /** The index has them in order. */
  names(kind: string, shard: number, { prefix, after, limit }: NamePage): Promise<readonly string[]> {
    return this.#answer("list", () => {
      const from = after !== undefined && compareNames(after, prefix) > 0 ? after : prefix;
      const found = this.#names.all(kind, shard, from, limit + 1).map(nameOf);
      const end = found.findIndex((name) => !name.startsWith(prefix));
      return (end < 0 ? found : found.slice(0, end)).filter((name) => name !== after).slice(0, limit);
    });
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

  /** It is the only one that has the file: nobody reads by the former layout. */
  relayout(kind: string, shards: number, shardOf: (name: string) => number): Promise<void> {
    return this.#answer("lay out", () =>
      this.#together(() => {
        const of = (sql: string) => this.#database.prepare(sql);
        const move = of(`UPDATE entries SET shard = ? ${THIS}`);
        const moveDue = of(`UPDATE dues SET shard = ? ${THIS}`);
        const rows = of("SELECT shard, CAST(name AS BLOB) AS name FROM entries WHERE kind = ?").all(kind);
        for (const row of rows) {
          const name = nameOf(row);
          const shard = shardOf(name);
          if (shard === row.shard) continue;
          for (const each of [move, moveDue]) each.run(shard, kind, Number(row.shard), name);
        }
        const highest = of("SELECT max(epoch) AS epoch FROM epochs WHERE kind = ?").get(kind)?.epoch ?? 0;
        of("DELETE FROM epochs WHERE kind = ?").run(kind);
        if (Number(highest) > 0)
          for (let shard = 0; shard < shards; shard++) this.#raise.run(kind, shard, Number(highest));
        of("INSERT OR REPLACE INTO labels VALUES (?, ?)").run(labelOfShards(kind), `${shards}`);
      }),
    );
  }

  backup(path: string): Promise<void> {
    return this.#answer("back up", () => this.#file.copyTo(path));
  }

  takeBuckets(options: FileBucketOptions = {}): (name: string) => Promise<Records> {
    if (this.#areTaken)
      throw new ConfigurationError(
        "Cannot use a store as parkTo: another node of this process has it; give each a file of its own",
      );
    this.#areTaken = true;
    const clock = cleanClock(systemClock());
    return (name) =>
      this.#answer("open a bucket", () => {
        const bucket =
          this.#buckets.get(name) ?? new FileBucket({ ...options, bucket: name, file: this.#file, clock });
        this.#buckets.set(name, bucket);
        return bucket;
      });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      for (const bucket of this.#buckets.values()) bucket.close();
    } finally {
      this.#file.close();
    }
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
      this.#file.checkWritten();
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Of one entry: what is damaged is it, or what it cannot be written without. */
  #answerOne<T>(what: string, work: () => T): Promise<T> {
    return this.#answer(what, work, true);
  }

  async #answer<T>(what: string, work: () => T | Promise<T>, ofEntry = false): Promise<T> {
    try {
      if (this.#closed) throw new Error("it is closed");
      this.#file.check();
      return await work();
    } catch (cause) {
      throw storeError(what, ofEntry, cause);
    }
  }
}

function nameOf({ name }: Record<string, unknown>): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(name as Uint8Array);
}

function headOf(row: Record<string, unknown>): StoreHead {
  return { revision: Number(row.revision), nonce: String(row.nonce) };
}
