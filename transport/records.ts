/**
 * The port to small shared records that change by compare-and-set only. Every change has a revision, growing over
 * the whole bucket, so changes of different keys have one order.
 *
 * @module
 */

import { PermissionError, RecordsRefusedError, RecordsUnavailableError, TooLargeError } from "../errors.ts";

/** A record as it was at one revision, or the mark that its removal has left. */
export interface RecordEntry {
  readonly key: string;
  /** `undefined` of a mark: the record was removed at that revision. */
  readonly value: Uint8Array | undefined;
  readonly revision: number;
}

/** How a compare-and-set ended, when that is known. */
export type CasResult = { readonly ok: true; readonly revision: number } | { readonly ok: false };

/** What has become of a bucket: somebody may have removed it, made another one of its name, or changed its settings. */
export interface BucketCondition {
  /** "another": it was removed, and there is one of its name again. What was in it is gone. */
  readonly is: "same" | "gone" | "another";
  /** Which of its settings lets records vanish, or refuses one for ever, for people; `undefined` if none does. */
  readonly unfit?: string | undefined;
}

/** How a watch is meant. */
export interface WatchOptions {
  /** Only what exists is wanted: it is stopped as soon as it has resolved. So it may ask less of a server. */
  readonly once?: boolean;
  /** Also what was removed before the watch began is told, as without a value, if the bucket still has a mark of it. */
  readonly marks?: boolean;
}

/** A running watch. */
export interface Watch {
  stop(): void;
}

/**
 * One bucket of records. Keys are made of `[A-Za-z0-9_=-]` tokens joined by dots.
 *
 * A record that is removed leaves a mark with a revision of its own. To make the record anew is to `update` the mark: who
 * has not heard of it, nor of what was there before, is told so by a refusal. {@link createAbsent} is for those to whom it
 * makes no difference.
 *
 * Every method rejects with one of these, and with nothing else; {@link isRecordsError} tells them from the rest:
 *
 * - `RecordsUnavailableError`: no answer came in time, or the server cannot serve for now. A change may have been applied
 *   or not. Whoever writes puts a fresh nonce into the value, and settles the doubt by repeating the call and, on a
 *   conflict, reading. A bucket that somebody has removed gives no answer either: `condition` tells.
 * - `RecordsRefusedError`: the server has said no, and will say it again until somebody has changed something there.
 *   Nothing was applied.
 * - `PermissionError`: this user may not. Nothing was applied.
 * - `TooLargeError`: the value is longer than a record may be. Nothing was applied.
 */
export interface Records {
  /** Writes a record that must never have been: there is no record, and no mark of one. */
  create(key: string, value: Uint8Array): Promise<CasResult>;
  /** Writes a record that must still be at `revision`, or be removed by a mark that is still at it. */
  update(key: string, value: Uint8Array, revision: number): Promise<CasResult>;
  /** Removes a record; with `revision`, only if it is still at that. */
  remove(key: string, revision?: number): Promise<CasResult>;
  /** Reads the newest value or mark, from the leader: no acknowledged change is missed. `undefined`: there is neither. */
  get(key: string): Promise<RecordEntry | undefined>;
  /**
   * The keys of the records below `prefix` as they are now, in any order. Keys of removed ones may be among them, as long as the
   * bucket has a mark of them.
   */
  keys(prefix: string): Promise<readonly string[]>;
  /** What has become of the bucket since it was opened. */
  condition(): Promise<BucketCondition>;
  /**
   * Calls back with every record whose key lies below `prefix` (`nodes` covers `nodes.a`; "" covers all), first those
   * that exist, then each change, in order of revision. It resolves once all that exist were delivered. It survives
   * disconnections: after one, at least the newest value of every changed record is delivered.
   */
  watch(prefix: string, onEntry: (entry: RecordEntry) => void, options?: WatchOptions): Promise<Watch>;
}

/** Writes a record that is not there, whether it never was or was removed. Rejects as the methods of {@link Records} do. */
export async function createAbsent(records: Records, key: string, value: Uint8Array): Promise<CasResult> {
  const first = await records.create(key, value);
  if (first.ok) return first;
  const now = await records.get(key);
  return now === undefined || now.value !== undefined ? first : records.update(key, value, now.revision);
}

/** What the methods of {@link Records} may reject with. */
export type RecordsError = RecordsUnavailableError | RecordsRefusedError | PermissionError | TooLargeError;

/** A definite no: nothing was applied, and the same will be refused again until somebody has changed something. */
export type RecordsRefusal = RecordsRefusedError | PermissionError | TooLargeError;

/** Whether an error is a definite no, of {@link Records} or of a store. */
export function isRefusal(error: unknown): error is RecordsRefusal {
  return (
    error instanceof RecordsRefusedError || error instanceof PermissionError || error instanceof TooLargeError
  );
}

/** Whether an error is one that {@link Records} documents. */
export function isRecordsError(error: unknown): error is RecordsError {
  return error instanceof RecordsUnavailableError || isRefusal(error);
}
