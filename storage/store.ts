/**
 * The port to where stored actors keep what they know: one entry for each actor, changed by compare-and-set only.
 *
 * Two adapters: `storage/records/store.ts` over a bucket of records, so over JetStream or memory, and `storage/sqlite/store.ts` over one
 * file for one process. One conformance suite runs against all of them.
 *
 * A store knows nothing of actors. What an entry says is in `record.ts`; who writes, and what a doubtful write means, is
 * in `committer.ts` and `shard_state_store.ts`.
 *
 * @module
 */

import type { DuePage } from "./due_in_order.ts";
import type { NamePage } from "./names_in_order.ts";

/** Whose entry. */
export interface StoreKey {
  readonly kind: string;
  readonly shard: number;
  readonly name: string;
}

/** An actor of which something is due. */
export interface StoreDue extends StoreKey {
  /** When, in milliseconds since 1970. */
  readonly dueAt: number;
}

/** What tells one write of an entry from another. */
export interface StoreHead {
  /** Above 0; another one after each write. */
  readonly revision: number;
  /** As the writer gave it, fresh for each write: who finds it has written this entry himself. */
  readonly nonce: string;
}

/** An entry as it was read. */
export interface StoreEntry extends StoreHead {
  readonly bytes: Uint8Array;
}

/** One entry to be written. */
export interface StoreWrite extends StoreKey {
  /** What the entry must still be at; 0 if there must be none. */
  readonly revision: number;
  readonly nonce: string;
  readonly bytes: Uint8Array;
  /** Of the ownership under which it is written: see {@link Store.highestEpoch}. */
  readonly epoch: number;
  /** Length of what it replaces, in bytes; 0 if nothing. */
  readonly replacesBytes: number;
  /**
   * Whether the actor has timers from this write on, or something else for which its next owner must load it without being
   * asked: see {@link Store.timed}.
   */
  readonly timers: boolean;
  /** Whether it had, by the entry that this one replaces. */
  readonly hadTimers: boolean;
  /** When something of the actor is due from this write on, in milliseconds since 1970; absent if nothing: see {@link Store.due}. */
  readonly dueAt?: number | undefined;
  /** When something was due by the entry that this one replaces. */
  readonly wasDueAt?: number | undefined;
  /** A former owner was lost, in the middle of a write perhaps: what it may have left beside the entry is removed. */
  readonly afterLoss?: boolean;
}

/** How a write ended, when that is known. */
export type StoreOutcome = { readonly ok: true; readonly revision: number } | { readonly ok: false };

/**
 * Where stored actors are kept.
 *
 * Every method rejects with one of these:
 *
 * - `RecordsUnavailableError`: no answer came in time, or the store cannot serve for now. A write may have been applied or
 *   not.
 * - `RecordsRefusedError`, `PermissionError` or `TooLargeError`: the store has said no, and will say it again until
 *   somebody has changed something there. Nothing was applied.
 * - `DecodeError`: the entry is there and cannot be read, or what it is written into is damaged.
 *
 * Anything else counts as no answer, and so does an answer that has not the shape that is stated here. It is told as the
 * event `store-refused` (`documented_store.ts`).
 */
export interface Store {
  /** Largest entry, in bytes: at least 1. Read once, when a node begins. */
  readonly bytesMax: number;
  /** The newest entry: no acknowledged write is missed. */
  load(key: StoreKey): Promise<StoreEntry | undefined>;
  /** The same without its bytes. */
  head(key: StoreKey): Promise<StoreHead | undefined>;
  /** Writes a group of entries of different actors; each has an outcome of its own, in the same order. */
  commit(writes: readonly StoreWrite[]): readonly Promise<StoreOutcome>[];
  /** Takes an entry out that is still at `revision`. */
  remove(key: StoreKey, revision: number): Promise<StoreOutcome>;
  /**
   * The actors of these shards that have timers; it never misses one. It may name some that have none, because their
   * owner was lost: until the next owner's first write. One question for all that are taken over together.
   */
  timed(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]>;
  /**
   * The first actors of these shards, in the order of {@link compareDue}, of which something is due and that are on the page: fewer than
   * its limit only if there are no more. It never misses one. It may name some too early, or of which nothing is due, because
   * their owner was lost or a write found no answer: until the next write that changes it.
   *
   * A store without it keeps no such index: then no actor there can have a reminder.
   */
  due?(kind: string, shards: ReadonlySet<number>, page: DuePage): Promise<readonly StoreDue[]>;
  /**
   * The first names of entries of a shard that are on the page, in the order of {@link compareNames}: fewer than the page's limit
   * only if there are no more. An entry that is there all the while is never missed; one that was removed may be named.
   *
   * A store without it lists nothing: then `node.list` has only what is in the memory of nodes, and says so.
   */
  names?(kind: string, shard: number, page: NamePage): Promise<readonly string[]>;
  /** No entry of the shard was ever written under a higher epoch; 0 if none was written. */
  highestEpoch(kind: string, shard: number): Promise<number>;
  /**
   * What is written on the store itself: a text under a name, written once and never changed or removed. Writes `text`
   * unless there is one already; without a `text` it only looks. Names are tokens of `[A-Za-z0-9_-]` joined by dots.
   *
   * A node tells by it which store it has and how its entries were laid out (`identity.ts`). A store without it is taken at
   * its user's word: no other store is accepted beside it, but two of the sort are not told apart.
   *
   * @returns what is there now; `undefined` if there is nothing
   */
  label?(name: string, text?: string): Promise<string | undefined>;
  /**
   * Lays the entries of a kind out by another number of shards, all at once or not at all, and writes the label
   * `shards.<kind>` anew. Only a store that nobody else can be using has it; without it, another number is refused.
   * Afterwards `highestEpoch` of every shard is at least what that of any was.
   *
   * @param shardOf where the entry of that name belongs now
   */
  relayout?(kind: string, shards: number, shardOf: (name: string) => number): Promise<void>;
  /** Ends the store. Nothing is written any more. */
  close(): Promise<void>;
}

/** Largest entry of the stores here unless they are told otherwise, in bytes: 16 MiB. */
export const STORED_BYTES_MAX = 16_777_216;
