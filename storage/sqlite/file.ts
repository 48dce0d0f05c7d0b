/**
 * The SQLite file of a store: taken for this process alone, looked at to be still the one that was taken, and copied.
 *
 * Two locks keep others out. Ours belongs to this opening of the file (`platform/file/file_hold.ts`). SQLite's keeps out programs
 * that know nothing of ours; it ends when this process closes the file that it has opened in another way, for a copy say.
 * Another program may then empty the log beside the file and remove it, and what is written to the log afterwards is lost.
 * So both files are looked at again before anything is acknowledged.
 *
 * @module
 */
import * as fs from "node:fs";
import * as nodePath from "node:path";
import { ConfigurationError, RecordsRefusedError, RecordsUnavailableError } from "../../errors.ts";
import { type FileHold, fileIdentity, holdFile } from "../../platform/file/file_hold.ts";
import { devParent } from "../../platform/process/dev_parent.ts";
import { systemRandom } from "../../platform/random.ts";
import { openSqlite, type Sqlite, type SqliteStatement } from "../../platform/sqlite.ts";
import { isDamage } from "./errors.ts";

const SCHEMA_VERSION = 1;
const IN_USE = "the file is in use, and only one process can have it";
/** Pages of the log above which SQLite empties it into the file: its default. */
const LOG_PAGES = 1_000;
/** Read and written at once by a copy: 1 MiB. */
const COPY_BYTES = 1_048_576;

/**
 * What cannot take back what is acknowledged: a loss of power too, or only the end of the process. The latter does not wait for the disk, and
 * after a loss of power the file is as it was at some moment before.
 */
export type Survives = "power loss" | "process";

/**
 * Opens the file and makes its tables.
 *
 * @throws {ConfigurationError} if the path names no file, the file cannot be used, or somebody has it
 */
export async function openStoreFile(
  path: string,
  schema: string,
  survives: Survives = "power loss",
): Promise<StoreFile> {
  const dev = devParent();
  try {
    return await open(path, schema, survives);
  } catch (error) {
    if (!dev || !(error instanceof ConfigurationError && error.message.endsWith(IN_USE))) throw error;
    await dev.ask({ type: "turn", id: systemRandom().id(), needs: "file" }, "go"); // the process before this one has it
    return await open(path, schema, survives);
  }
}

async function open(path: string, schema: string, survives: Survives): Promise<StoreFile> {
  checkPath(path);
  const full = nodePath.resolve(path); // whatever folder the process goes to later
  const hold = await holdFile(full);
  if (hold === undefined) throw unusable(path, IN_USE);
  let database: Sqlite | undefined;
  try {
    if (hold.names > 1)
      throw unusable(path, `the file has ${hold.names} names, and SQLite keeps its log beside one of them`);
    database = await openSqlite(full);
    prepare(path, database, schema, survives);
    return new StoreFile(full, hold, database);
  } catch (cause) {
    database?.close();
    hold.release();
    throw cause instanceof ConfigurationError ? cause : reasonOf(path, cause);
  }
}

/** SQLite has names for databases without a file. */
function checkPath(path: string): void {
  const isOther = path === "" || path === ":memory:" || /^file:/i.test(path);
  if (isOther) throw unusable(path, "that is not the plain path of a file, so nothing would be found again");
}

function prepare(path: string, database: Sqlite, schema: string, survives: Survives): void {
  database.exec("PRAGMA busy_timeout = 0");
  expectMode(path, database, "locking_mode", "exclusive");
  expectMode(path, database, "journal_mode", "wal");
  database.exec(`PRAGMA synchronous = ${survives === "power loss" ? "FULL" : "NORMAL"}`);
  database.exec("BEGIN EXCLUSIVE"); // from here on SQLite's lock is ours as well
  const version = database.prepare("PRAGMA user_version").get()?.user_version;
  if (version !== 0 && version !== SCHEMA_VERSION)
    throw unusable(path, `its version ${String(version)} is that of another release`);
  database.exec(schema);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec("COMMIT");
}

/** SQLite does not refuse a mode that it cannot have: it answers with the one that it has. */
function expectMode(path: string, database: Sqlite, pragma: string, mode: string): void {
  const now = String(database.prepare(`PRAGMA ${pragma} = ${mode}`).get()?.[pragma]);
  if (now.toLowerCase() === mode) return;
  throw unusable(path, `its ${pragma} is "${now}" where "${mode}" was asked for`);
}

function reasonOf(path: string, cause: unknown): ConfigurationError {
  const words = cause instanceof Error ? cause.message : String(cause);
  const taken = /locked|busy/i.test(words);
  const damaged = "; put a copy back, or move it away to begin with an empty one";
  return unusable(path, taken ? IN_USE : `${words}${isDamage(cause) ? damaged : ""}`, cause);
}

function unusable(path: string, words: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError(
    `Cannot use the store "${path}": ${words}`,
    cause === undefined ? {} : { cause },
  );
}

/** See the module's text. */
export class StoreFile {
  readonly database: Sqlite;
  readonly #path: string;
  readonly #hold: FileHold;
  readonly #logPath: string;
  /** `undefined` if the runtime does not let us look at it. */
  readonly #log: string | undefined;
  readonly #emptyLog: SqliteStatement;
  #isCopying = false;
  #isClosed = false;

  constructor(path: string, hold: FileHold, database: Sqlite) {
    this.database = database;
    this.#path = path;
    this.#hold = hold;
    const main = database.prepare("PRAGMA database_list").get()?.file; // without symbolic links
    this.#logPath = `${String(main)}-wal`;
    this.#emptyLog = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#log = allowed(() => fileIdentity(this.#logPath));
    this.check();
  }

  /**
   * Whether the path still leads to the file that was taken, and the log is still beside it.
   *
   * @throws {RecordsRefusedError} if not: what would be written could not be found again
   */
  check(): void {
    if (fileIdentity(this.#path) !== this.#hold.identity) throw replaced("file at its path");
    if (this.#log !== undefined && fileIdentity(this.#logPath) !== this.#log) throw replaced("log beside it");
  }

  /**
   * What is acknowledged is in the file of that name. If not, it is in another, which may be put back: so this is no
   * refusal.
   *
   * @throws {RecordsUnavailableError}
   */
  checkWritten(): void {
    try {
      this.check();
    } catch (cause) {
      throw new RecordsUnavailableError(
        `Cannot tell whether it is stored: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause, causeCode: "file-replaced" },
      );
    }
  }

  /**
   * Copies everything that is committed by now into a new file, on the disk when it is done. What is committed meanwhile
   * waits in the log, so the file itself stands still, and is read by the descriptor that holds it.
   *
   * @throws {ConfigurationError} if there is something at `path`, or another copy is being made
   */
  async copyTo(path: string): Promise<void> {
    checkPath(path);
    const full = nodePath.resolve(path);
    if (this.#isCopying) throw notCopied(path, "another backup is being made");
    if (fileIdentity(full) !== undefined) throw notCopied(path, "there is a file already");
    this.#isCopying = true;
    try {
      this.#stopLog();
      await this.#copyInto(`${full}.unfinished`);
      fs.renameSync(`${full}.unfinished`, full);
    } catch (error) {
      fs.rmSync(`${full}.unfinished`, { force: true });
      throw error;
    } finally {
      this.#isCopying = false;
      if (!this.#isClosed) this.database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
    }
  }

  /** The log is emptied into the file, and not again before the copy is made. */
  #stopLog(): void {
    this.database.exec("PRAGMA wal_autocheckpoint = 0");
    if (this.#emptyLog.get()?.busy !== 0) throw new Error("the log beside the file cannot be emptied");
  }

  async #copyInto(path: string): Promise<void> {
    const copy = await fs.promises.open(path, "w");
    try {
      const chunk = new Uint8Array(COPY_BYTES);
      for (let position = 0; ; ) {
        if (this.#isClosed) throw new Error("it was closed meanwhile");
        const length = this.#hold.read(chunk, position);
        if (length === 0) break;
        await copy.writeFile(chunk.subarray(0, length));
        position += length;
      }
      await copy.sync(); // it is a copy of what was taken, also if another file is at the path by now
    } finally {
      await copy.close();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.database.close();
    this.#hold.release();
  }
}

function notCopied(path: string, words: string): ConfigurationError {
  return new ConfigurationError(`Cannot back up the store into "${path}": ${words}`);
}

/** Deno may let a program have the file alone. */
function allowed<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

function replaced(what: string): RecordsRefusedError {
  return new RecordsRefusedError(
    `Cannot use the store: its ${what} is gone, or is not the one that was opened; put it back, or start the process again`,
  );
}
