/** Where shards should be that nobody has had yet: until its node takes it, nobody serves such a shard. */
import { place } from "../../cluster/placement.ts";
import type { HostedKind, NodeRecord } from "../../cluster/protocol.ts";
import { View } from "../../cluster/view.ts";
import type { History } from "../../testing/history.ts";

export class FirstPlaces {
  readonly #history: History;
  readonly #actorsOf: (kind: string, shard: number) => readonly string[];
  readonly #kinds = new Map<string, HostedKind>();
  /** Keys of shards that have a record. */
  readonly #taken = new Set<string>();
  /** Names of the nodes that were told last, by key of the shard. */
  readonly #told = new Map<string, string | undefined>();
  #view = new View();

  constructor(history: History, actorsOf: (kind: string, shard: number) => readonly string[]) {
    this.#history = history;
    this.#actorsOf = actorsOf;
  }

  /** A node's record was written. */
  saw(record: NodeRecord): void {
    for (const hosted of record.kinds) this.#kinds.set(hosted.kind, hosted);
    this.#view = this.#view.with(record);
    for (const hosted of this.#kinds.values()) this.#place(hosted);
  }

  /** A shard's record was written: from now on that says where it is. */
  taken(key: string): void {
    this.#taken.add(key);
  }

  #place({ kind, shards }: HostedKind): void {
    const able = this.#view.hosting(kind).map((id) => ({ id, weight: id.weight }));
    for (const [shard, id] of place(kind, shards, able).entries()) {
      const key = `shards.${kind}.${shard}`;
      if (this.#taken.has(key) || this.#told.get(key) === id?.node) continue;
      this.#told.set(key, id?.node);
      for (const actor of this.#actorsOf(kind, shard))
        this.#history.placed(actor, { nodes: id ? [id.node] : [], isParking: false, isTaken: false });
    }
  }
}
