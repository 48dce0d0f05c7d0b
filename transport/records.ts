/**
 * The port to small shared records that change by compare-and-set only. Every change has a revision, growing over
 * the whole bucket, so changes of different keys have one order.
 *
 * @module
 */

import { PermissionError, RecordsRefusedError, RecordsUnavailableError, TooLargeError } from "../errors.ts";

/** A record as it was at one revision. */
export interface RecordEntry {
  readonly key: string;
  /** `undefined` when the record was removed. */
  readonly value: Uint8Array | undefined;
  readonly revision: number;
}

/** How a compare-and-set ended, when that is known. */
export type CasResult = { readonly ok: true; readonly revision: number } | { readonly ok: false };

/** A running watch. */
export interface Watch {
  stop(): void;
}

/**
 * One bucket of records. Keys are made of `[A-Za-z0-9_=-]` tokens joined by dots.
 *
 * Every method rejects with one of these, and with nothing else; {@link isRecordsError} tells them from the rest:
 *
 * - `RecordsUnavailableError`: no answer came in time, or the server cannot serve for now. A change may have been applied
 *   or not. Whoever writes puts a fresh nonce into the value, and settles the doubt by repeating the call and, on a
 *   conflict, reading. A bucket that somebody has removed gives no answer either: `exists` tells.
 * - `RecordsRefusedError`: the server has said no, and will say it again until somebody has changed something there.
 *   Nothing was applied.
 * - `PermissionError`: this user may not. Nothing was applied.
 * - `TooLargeError`: the value is longer than a record may be. Nothing was applied.
 */
export interface Records {
  /** Writes a record that must not exist (or was removed). */
  create(key: string, value: Uint8Array): Promise<CasResult>;
  /** Writes a record that must still be at `revision`. */
  update(key: string, value: Uint8Array, revision: number): Promise<CasResult>;
  /** Removes a record; with `revision`, only if it is still at that. */
  remove(key: string, revision?: number): Promise<CasResult>;
  /** Reads the newest value, from the leader: no acknowledged change is missed. */
  get(key: string): Promise<RecordEntry | undefined>;
  /** Whether there is a bucket at all: somebody may have removed it since it was opened. */
  exists(): Promise<boolean>;
  /**
   * Calls back with every record whose key lies below `prefix` (`nodes` covers `nodes.a`; "" covers all), first those
   * that exist, then each change, in order of revision. It resolves once all that exist were delivered. It survives
   * disconnections: after one, at least the newest value of every changed record is delivered.
   */
  watch(prefix: string, onEntry: (entry: RecordEntry) => void): Promise<Watch>;
}

/** What the methods of {@link Records} may reject with. */
export type RecordsError = RecordsUnavailableError | RecordsRefusedError | PermissionError | TooLargeError;

/** Whether an error is one that {@link Records} documents. */
export function isRecordsError(error: unknown): error is RecordsError {
  return (
    error instanceof RecordsUnavailableError ||
    error instanceof RecordsRefusedError ||
    error instanceof PermissionError ||
    error instanceof TooLargeError
  );
}
