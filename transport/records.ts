/**
 * The port to small shared records that change by compare-and-set only. Every change has a revision, growing over
 * the whole bucket, so changes of different keys have one order.
 *
 * @module
 */

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
 * Every method throws {@link RecordsUnavailableError} when no answer comes in time; a change may then have been
 * applied or not. Whoever writes puts a fresh nonce into the value, and settles the doubt by repeating the call and,
 * on a conflict, reading.
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
