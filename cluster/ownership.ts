/**
 * Who owns what, as the records say, and the way to change it. Placement proposes; these records decide, and only a
 * compare-and-set that was won makes an owner. `cluster/records/shard_changes.ts` has the legal changes.
 *
 * @module
 */
import type { Clock } from "../platform/clock.ts";
import { keys } from "../transport/subjects.ts";
import { ShardMap } from "./shard_map.ts";
import type { ClusterRecords, ShardListener } from "./records/cluster_records.ts";
import type { KindDurability, ShardRecord } from "./records/schemas.ts";
import type { Change, Entry, Mark } from "./records/table.ts";
import type { Patience } from "./records/patience.ts";
import type { NextShard } from "./records/shard_changes.ts";

export {
  claimed,
  committed,
  type IsOver,
  mayClaim,
  type NextShard,
  parkedRecord,
  prepared,
  reclaimed,
  reinstated,
  restored,
  struckOff,
} from "./records/shard_changes.ts";

/** An ownership record and its revision. */
export type OwnedEntry = Entry<ShardRecord>;

/** A record that was removed by somebody: Baton itself removes none of a shard. */
export interface Removal {
  /** The latest that this node knows it to have said; `undefined` if it has never seen it. */
  readonly record: ShardRecord | undefined;
  /** Of the removal. Each change of a record takes a revision, so no epoch of the shard before it is higher. */
  readonly revision: number;
  /** Since when it is known here, on the own monotonic clock, in milliseconds. */
  readonly at: number;
}

/** Called with a kind, a shard number, and what a {@link ShardListener} is told. */
export type OwnershipListener = ShardListener;

/** The ownership of all shards, as far as this node has seen it. */
export class Ownership {
  readonly #bucket: ClusterRecords;
  readonly #entries = new ShardMap<OwnedEntry>();
  /** Those that are not there any more, by their keys. */
  readonly #removals = new Map<string, Removal>();
  readonly #stop: () => void;

  /** Follows the bucket from the moment it is made; make it before the bucket is started. */
  constructor(bucket: ClusterRecords, clock: Pick<Clock, "now">) {
    this.#bucket = bucket;
    this.#stop = bucket.onShard((kind, shard, entry, previous, revision) => {
      if (entry) this.#entries.set(kind, shard, entry);
      else this.#entries.delete(kind, shard);
      const key = keys.shard(kind, shard);
      const record = previous?.record ?? this.#removals.get(key)?.record;
      if (entry) this.#removals.delete(key);
      else this.#removals.set(key, { record, revision, at: clock.now() });
    });
  }

  /** The newest known record of a shard. */
  entry(kind: string, shard: number): OwnedEntry | undefined {
    return this.#entries.get(kind, shard);
  }

  /** That a shard's record was removed; `undefined` if it is there, or there was none. */
  removal(kind: string, shard: number): Removal | undefined {
    return this.#removals.get(keys.shard(kind, shard));
  }

  /** All known records, by kind and shard number. */
  *entries(): IterableIterator<{ kind: string; shard: number; entry: OwnedEntry }> {
    for (const { kind, shard, value: entry } of this.#entries.entries()) yield { kind, shard, entry };
  }

  /** Calls back at each change, synchronously. Returns a function that stops it. */
  onChange(listener: OwnershipListener): () => void {
    return this.#bucket.onShard(listener);
  }

  /** The mark of a record that was removed, to make it anew from; `undefined` if it is there, or there was none. */
  mark(kind: string, shard: number): Mark | undefined {
    return this.#bucket.shards.mark(keys.shard(kind, shard));
  }

  /**
   * Changes a shard's record that is still as `from`, and settles the outcome. `from` is all that is known of it: the record,
   * or the mark of its removal; `undefined` if it has never been. When it resolves, listeners have been told.
   *
   * @throws {RecordsUnavailableError} if `patience` ends before the outcome is known: read the record before anything
   */
  change(
    kind: string,
    shard: number,
    from: OwnedEntry | Mark | undefined,
    next: NextShard,
    patience?: Patience,
  ): Promise<Change<ShardRecord>> {
    return this.#bucket.shards.change(keys.shard(kind, shard), from, next, patience);
  }

  /**
   * Reads a shard's record from the leader.
   *
   * @throws {RecordsUnavailableError} if no answer comes
   */
  refresh(kind: string, shard: number): Promise<OwnedEntry | undefined> {
    return this.#bucket.shards.refresh(keys.shard(kind, shard));
  }

  /** How many shards a kind has, `undefined` if no node has ever hosted it. */
  shards(kind: string): number | undefined {
    return this.#bucket.kinds.get(keys.kind(kind))?.record.shards;
  }

  /**
   * Like `shards`, and reads from the leader what is not known yet.
   *
   * @throws {RecordsUnavailableError} if no answer comes
   */
  async refreshShards(kind: string): Promise<number | undefined> {
    return this.shards(kind) ?? (await this.#bucket.kinds.refresh(keys.kind(kind)))?.record.shards;
  }

  /** Where its states live by now, as known here; `undefined` if no node has said it. */
  durability(kind: string): KindDurability | undefined {
    return this.#bucket.kinds.get(keys.kind(kind))?.record.durability;
  }

  /** The kinds that some node hosts or has hosted. */
  knownKinds(): string[] {
    return [...this.#bucket.kinds.entries()].map(([, { record }]) => record.kind);
  }

  /** Follows the bucket no longer. */
  stop(): void {
    this.#stop();
  }
}
