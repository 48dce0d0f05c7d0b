/**
 * The parts of a node that keep its stored actors.
 *
 * @module
 */
import type { StateStore } from "../actors/durable/state_store.ts";
import type { Gate } from "../cluster/gate.ts";
import type { Ownership } from "../cluster/ownership.ts";
import type { ShardTable } from "../delivery/receiving/shard_table.ts";
import type { StoredShards } from "../handoff/deps.ts";
import { raiseShard } from "../handoff/stored_epochs.ts";
import { Committer } from "../storage/committer.ts";
import { Graves } from "../storage/graves.ts";
import type { StoreKey } from "../storage/store.ts";
import { Turns } from "../storage/request_turns.ts";
import { ShardStateStore, type ShardStateStoreDeps } from "../storage/shard_state_store.ts";

/** Stored actors that are read at once; the others wait for their turn. */
const READS_AT_ONCE = 256;

/** What they are made from. */
export interface StoredGround
  extends Pick<
    ShardStateStoreDeps,
    "self" | "store" | "clock" | "clocks" | "random" | "hasEnded" | "onFailure" | "deathsMax"
  > {
  readonly gate: Gate;
  readonly ownership: Ownership;
  readonly table: ShardTable;
  /** How long the empty entry of a destroyed actor is kept, in milliseconds. */
  readonly keepMs: number;
}

/** See the module's text. */
export class StoredParts implements StoredShards {
  readonly committer: Committer;
  readonly graves: Graves;
  readonly #deps: ShardStateStoreDeps;

  constructor(ground: StoredGround) {
    const { store, clock, random, gate, ownership, table, hasEnded, onFailure, keepMs } = ground;
    this.committer = new Committer({
      store,
      clock,
      random,
      hasEnded,
      onFailure,
      mayWrite: () => gate.isOpen,
    });
    const lookAt = ({ kind, shard, name }: StoreKey) => {
      const served = table.get(kind, shard);
      if (served === undefined || served.phase !== "serving") return "elsewhere";
      return served.catalog.residents.active.has(name) ? "lives" : "empty";
    };
    this.graves = new Graves({ store, clock, keepMs, onFailure, mayWrite: () => gate.isOpen, lookAt });
    this.#deps = {
      ...ground,
      graves: this.graves,
      committer: this.committer,
      reads: new Turns(READS_AT_ONCE),
      floor: (kind, shard) => ownership.entry(kind, shard)?.record.floor ?? 1,
      raise: (kind, shard, above, own) => raiseShard(ground, kind, shard, above, own),
      look: (kind, shard) => table.look(kind, shard),
    };
  }

  get writesUnderWay(): number {
    return this.committer.outstanding;
  }

  stateStore(kind: string, shard: number, epoch: () => number): StateStore {
    return new ShardStateStore(this.#deps, kind, shard, epoch);
  }

  highestEpoch(kind: string, shard: number): Promise<number> {
    return this.#told(this.#deps.store.highestEpoch(kind, shard));
  }

  timed(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]> {
    return this.#told(this.#deps.store.timed(kind, shards));
  }

  async #told<T>(asking: Promise<T>): Promise<T> {
    try {
      return await asking;
    } catch (error) {
      this.#deps.onFailure(error);
      throw error;
    }
  }
}
