/**
 * What SQLite says, in the errors that a store documents.
 *
 * @module
 */
import {
  ActorError,
  DecodeError,
  RecordsRefusedError,
  RecordsUnavailableError,
  TooLargeError,
} from "../../errors.ts";
import { sqliteCode } from "../../platform/sqlite.ts";

const DAMAGE: ReadonlyMap<number, string> = new Map([
  [11, "SQLITE_CORRUPT"],
  [24, "SQLITE_FORMAT"],
  [26, "SQLITE_NOTADB"],
]);
/** The words of a file that is damaged, as errors have them in `causeCode`. */
export const DAMAGE_CODES: ReadonlySet<string> = new Set(DAMAGE.values());
/** It will be said again until somebody has changed something. */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  [3, "SQLITE_PERM"],
  [8, "SQLITE_READONLY"],
  [14, "SQLITE_CANTOPEN"],
  [23, "SQLITE_AUTH"],
]);
/** It may pass: whoever waits tries again, and is told why it waits. */
const TROUBLES: ReadonlyMap<number, string> = new Map([
  [7, "SQLITE_NOMEM"],
  [10, "SQLITE_IOERR"],
  [13, "SQLITE_FULL"],
]);
const TOO_BIG = 18;

/** Whether SQLite says that the file is none of its own, or damaged. */
export function isDamage(cause: unknown): boolean {
  return DAMAGE.has(sqliteCode(cause) ?? 0);
}

/**
 * The documented error for what was thrown.
 *
 * @param what was asked, as in "Cannot write"
 * @param ofEntry whether it was about one entry alone, which is set aside then if the file is damaged there
 */
export function storeError(what: string, ofEntry: boolean, cause: unknown): ActorError {
  if (cause instanceof ActorError) return cause;
  const words = `Cannot ${what} in the store: ${cause instanceof Error ? cause.message : String(cause)}`;
  const code = sqliteCode(cause) ?? 0;
  const damage = DAMAGE.get(code);
  if (damage && ofEntry) return new DecodeError(words, { cause, causeCode: damage });
  const refusal = damage ?? REFUSALS.get(code);
  if (refusal) return new RecordsRefusedError(words, { cause, causeCode: refusal });
  if (code === TOO_BIG) return new TooLargeError(words, { cause });
  const trouble = TROUBLES.get(code);
  return new RecordsUnavailableError(words, trouble ? { cause, causeCode: trouble } : { cause });
}
