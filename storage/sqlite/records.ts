/**
 * A bucket of records in an SQLite file, for one process: what is acknowledged is on the disk.
 *
 * Requests of one turn of the event loop share a transaction, so that a node which takes back hundreds of shards does not wait for
 * the disk once for each. Whoever watches hears of a change when it is committed.
 *
 * Records whose loss does no harm are not worth a write of their own: a lease is renewed every second or two. Such a record is
 * kept in memory, and goes into the file before the next one that counts, or when the bucket is closed. So the file never holds
 * one that counts without those that came before it.
 *
 * @module
 */
import { RecordsUnavailableError } from "../../errors.ts";
import { guarded } from "../../platform/guarded.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Sqlite, SqliteStatement } from "../../platform/sqlite.ts";
import type {
  BucketCondition,
  CasResult,
  RecordEntry,
  Records,
  Watch,
  WatchOptions,
} from "../../transport/records.ts";
import { storeError } from "./errors.ts";
import type { StoreFile } from "./file.ts";

/** How a bucket in a file is used. */
export interface FileBucketOptions {
  /** Whether a record may wait for the next one that counts before it is written: see the module's text. Default: none may. */
  readonly mayWait?: (key: string) => boolean;
  /** Told what a watch's callback threw. Default: nobody. */
  readonly onError?: (error: unknown) => void;
}

/** What it is made from. */
export interface FileBucketDeps extends FileBucketOptions {
  readonly bucket: string;
  readonly file: StoreFile;
  readonly clock: Clock;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS records (
    bucket TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, removed INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (bucket, key)
  );
  CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, revision INTEGER NOT NULL);
`;
const NO_BYTES: Uint8Array = new Uint8Array();

/** One request that waits for its turn. */
interface Request {
  /** Runs inside a transaction, if anything has to be written. */
  apply(): void;
  answer(): void;
  fail(error: unknown): void;
}

/** One watch. */
interface Watcher {
  /** The revision up to which it has been told what there is. */
  since: number;
  covers(key: string): boolean;
  tell(entry: RecordEntry): void;
}

/** See the module's text. */
export class FileBucket implements Records {
  readonly #deps: FileBucketDeps;
  readonly #database: Sqlite;
  readonly #get: SqliteStatement;
  readonly #list: SqliteStatement;
  readonly #save: SqliteStatement;
  readonly #count: SqliteStatement;
  readonly #watchers = new Set<Watcher>();
  /** Not in the file yet: those of which {@link FileBucketOptions.mayWait} says so. */
  #unsaved = new Map<string, RecordEntry>();
  #requests: Request[] = [];
  /** Of those that are being answered: told when they are committed. */
  #changes: RecordEntry[] = [];
  #revision: number;
  #isClosed = false;

  /** Opens it, and makes it if it is missing. @throws what SQLite says */
  constructor(deps: FileBucketDeps) {
    const { bucket } = deps;
    const { database } = deps.file;
    this.#deps = deps;
    this.#database = database;
    database.exec(SCHEMA);
    this.#get = database.prepare("SELECT revision, removed, value FROM records WHERE bucket = ? AND key = ?");
    this.#list = database.prepare(
      "SELECT key, revision, removed, value FROM records WHERE bucket = ? AND key >= ? AND key < ?",
    );
    this.#save = database.prepare("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)");
    this.#count = database.prepare("INSERT OR REPLACE INTO buckets VALUES (?, ?)");
    // a mark is for those who knew what was removed, and nobody is there who did
    database.prepare("DELETE FROM records WHERE bucket = ? AND removed = 1").run(bucket);
    const known = database.prepare("SELECT revision FROM buckets WHERE name = ?").get(bucket);
    this.#revision = Number(known?.revision ?? 0);
  }

  create(key: string, value: Uint8Array): Promise<CasResult> {
    const own = value.slice();
    return this.#ask("create", () => this.#write(key, own, (now) => now === undefined));
  }

  update(key: string, value: Uint8Array, revision: number): Promise<CasResult> {
    const own = value.slice();
    return this.#ask("update", () => this.#write(key, own, (now) => (now?.revision ?? 0) === revision));
  }

  remove(key: string, revision?: number): Promise<CasResult> {
    const allows = (now: RecordEntry | undefined) => revision === undefined || now?.revision === revision;
    return this.#ask("remove", () => this.#write(key, undefined, allows));
  }

  get(key: string): Promise<RecordEntry | undefined> {
    return this.#ask("read", () => copyOf(this.#entry(key)));
  }

  keys(prefix: string): Promise<readonly string[]> {
    return this.#ask("list", () => this.#entries(prefix).map(({ key }) => key));
  }

  /** Nobody else has the file: nobody can have removed it. */
  condition(): Promise<BucketCondition> {
    return this.#ask("look at", () => ({ is: "same" }));
  }

  async watch(
    prefix: string,
    onEntry: (entry: RecordEntry) => void,
    { marks = false }: WatchOptions = {},
  ): Promise<Watch> {
    const { onError = () => {} } = this.#deps;
    const report = guarded(onError);
    const watcher: Watcher = {
      since: 0,
      covers: (key) => prefix === "" || key.startsWith(`${prefix}.`),
      tell(entry) {
        try {
          onEntry({ ...entry, value: entry.value?.slice() });
        } catch (error) {
          report(error);
        }
      },
    };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let entries: RecordEntry[] = [];
    this.#push({
      apply: () => {
        entries = this.#entries(prefix);
        watcher.since = this.#revision;
      },
      answer: () => {
        for (const entry of entries) if (marks || entry.value !== undefined) watcher.tell(entry);
        this.#watchers.add(watcher);
        resolve();
      },
      fail: (error) => reject(storeError("watch", false, error)),
    });
    await promise;
    return { stop: () => void this.#watchers.delete(watcher) };
  }

  /** Writes what has waited. From now on it answers nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#answer(); // what was asked before
    this.#isClosed = true;
    this.#watchers.clear();
    if (this.#unsaved.size > 0) this.#inTransaction(() => this.#begin());
  }

  // ---- requests, all of a turn together

  #ask<T>(what: string, work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let result: T;
    this.#push({
      apply: () => void (result = work()),
      answer: () => resolve(result),
      fail: (error) => reject(storeError(what, false, error)),
    });
    return promise;
  }

  #push(request: Request): void {
    this.#requests.push(request);
    if (this.#requests.length === 1) this.#deps.clock.soon(() => this.#answer());
  }

  #answer(): void {
    const requests = this.#requests;
    this.#requests = [];
    if (requests.length > 1 && !this.#isClosed && this.#tryTogether(requests)) return;
    for (const request of requests) this.#answerAlone(request);
  }

  /** @returns whether all are answered; if not, nothing was done of any */
  #tryTogether(requests: readonly Request[]): boolean {
    try {
      this.#inTransaction(() => requests.forEach((request) => void request.apply()));
    } catch (error) {
      if (!(error instanceof RecordsUnavailableError)) return false; // each by itself: only those fail that are to blame
      for (const { fail } of requests) fail(error);
      return true;
    }
    for (const { answer } of requests) answer();
    this.#tellChanges();
    return true;
  }

  #answerAlone(request: Request): void {
    try {
      if (this.#isClosed) throw new Error("it is closed");
      this.#inTransaction(() => request.apply());
    } catch (error) {
      return request.fail(error);
    }
    request.answer();
    this.#tellChanges();
  }

  #tellChanges(): void {
    const changes = this.#changes;
    this.#changes = [];
    for (const entry of changes)
      for (const watcher of [...this.#watchers])
        if (entry.revision > watcher.since && watcher.covers(entry.key)) watcher.tell(entry);
  }

  /** The transaction begins with the first record that counts: without one, nothing is written. */
  #inTransaction(work: () => void): void {
    const before = { unsaved: new Map(this.#unsaved), revision: this.#revision };
    const database = this.#database;
    try {
      this.#deps.file.check();
      work();
      if (!database.inTransaction) return;
      this.#count.run(this.#deps.bucket, this.#revision);
      database.exec("COMMIT");
      this.#deps.file.checkWritten();
    } catch (error) {
      if (database.inTransaction) database.exec("ROLLBACK");
      this.#unsaved = before.unsaved;
      this.#revision = before.revision;
      this.#changes = [];
      throw error;
    }
  }

  // ---- records

  #write(
    key: string,
    value: Uint8Array | undefined,
    allows: (now: RecordEntry | undefined) => boolean,
  ): CasResult {
    if (!allows(this.#entry(key))) return { ok: false };
    const entry = { key, value, revision: ++this.#revision };
    if (this.#deps.mayWait?.(key)) this.#unsaved.set(key, entry);
    else {
      this.#begin();
      this.#saveOne(entry);
    }
    this.#changes.push(entry);
    return { ok: true, revision: entry.revision };
  }

  /** What has waited goes first. */
  #begin(): void {
    if (!this.#database.inTransaction) this.#database.exec("BEGIN IMMEDIATE");
    for (const entry of this.#unsaved.values()) this.#saveOne(entry);
    this.#unsaved.clear();
  }

  #saveOne({ key, value, revision }: RecordEntry): void {
    this.#save.run(this.#deps.bucket, key, revision, value === undefined ? 1 : 0, value ?? NO_BYTES);
  }

  #entry(key: string): RecordEntry | undefined {
    const unsaved = this.#unsaved.get(key);
    if (unsaved) return unsaved;
    const row = this.#get.get(this.#deps.bucket, key);
    return row ? entryOf(key, row) : undefined;
  }

  #entries(prefix: string): RecordEntry[] {
    const [from, below] = prefix === "" ? ["", "\u{10ffff}"] : [`${prefix}.`, `${prefix}/`]; // "/" follows "."
    const found = new Map<string, RecordEntry>();
    for (const row of this.#list.all(this.#deps.bucket, from, below))
      found.set(String(row.key), entryOf(String(row.key), row));
    for (const [key, entry] of this.#unsaved) if (key >= from && key < below) found.set(key, entry);
    return [...found.values()].sort((a, b) => a.revision - b.revision);
  }
}

function entryOf(key: string, row: Record<string, unknown>): RecordEntry {
  const value = row.removed === 0 ? Uint8Array.from((row.value as Uint8Array | null) ?? NO_BYTES) : undefined;
  return { key, value, revision: Number(row.revision) };
}

function copyOf(entry: RecordEntry | undefined): RecordEntry | undefined {
  return entry && { ...entry, value: entry.value?.slice() };
}
