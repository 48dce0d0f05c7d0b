import process from "node:process";
import { ConfigurationError } from "../errors.ts";

/** What a column holds here. */
export type SqliteValue = string | number | Uint8Array;

/** A prepared statement. */
export interface SqliteStatement {
  /** The first row, by column; `undefined` or `null` if there is none. */
  get(...values: SqliteValue[]): Record<string, unknown> | undefined | null;
  all(...values: SqliteValue[]): Record<string, unknown>[];
  run(...values: SqliteValue[]): unknown;
}

/** One open SQLite file. Every method blocks until it is done, and throws what SQLite says. */
export interface Sqlite {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  /** Whether a transaction has begun that has not ended. */
  readonly inTransaction: boolean;
  close(): void;
}

/** As the runtimes have it: each has a word of its own for one thing. */
interface Database extends Omit<Sqlite, "inTransaction"> {
  readonly inTransaction?: boolean;
  readonly isTransaction?: boolean;
}

type Opener = new (path: string) => Database;
type Finalizable = SqliteStatement & { finalize?(): void };

/**
 * Opens an SQLite file by what the runtime brings along: `bun:sqlite`, or `node:sqlite` elsewhere.
 *
 * @throws {ConfigurationError} if the runtime has neither, or the file cannot be opened
 */
export async function openSqlite(path: string): Promise<Sqlite> {
  const Database = await databaseClass();
  try {
    return new OpenFile(new Database(path));
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigurationError(`Cannot open the SQLite file "${path}": ${words}`, { cause });
  }
}

/** SQLite's own words. One of the runtimes gives no numbers with what `exec` throws. */
const NUMBERS: ReadonlyMap<string, number> = new Map([
  ["access permission denied", 3],
  ["out of memory", 7],
  ["attempt to write a readonly database", 8],
  ["disk I/O error", 10],
  ["database disk image is malformed", 11],
  ["database or disk is full", 13],
  ["unable to open database file", 14],
  ["string or blob too big", 18],
  ["file is not a database", 26],
]);

/** SQLite's number of an error, without what it adds in particular; `undefined` for what is none of SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errno, errcode } = error as Error & { errno?: unknown; errcode?: unknown };
  const code = typeof errcode === "number" ? errcode : errno;
  return typeof code === "number" && code > 0 ? code & 0xff : NUMBERS.get(error.message);
}

/** Bun lets a file go only when the last of its statements is ended. */
class OpenFile implements Sqlite {
  readonly #database: Database;
  readonly #statements: Finalizable[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction ?? this.#database.isTransaction ?? false;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    const statement = this.#database.prepare(sql);
    this.#statements.push(statement);
    return statement;
  }

  close(): void {
    for (const statement of this.#statements) statement.finalize?.();
    this.#database.close();
  }
}

/** By a name in a variable, so that no bundler looks for the other runtime's module. */
async function databaseClass(): Promise<Opener> {
  const [module, name] =
    process.versions.bun === undefined ? ["node:sqlite", "DatabaseSync"] : ["bun:sqlite", "Database"];
  try {
    const found = (await import(module as string)) as Record<string, Opener>;
    return found[name as string] as Opener;
  } catch (cause) {
    throw new ConfigurationError(`Cannot use SQLite: this runtime lacks "${module}"`, { cause });
  }
}
