/** Where the actors of a simulation are, by all records: with whom their shard is, and who should take one that nobody has. */
import { place } from "../../../cluster/placement/placement.ts";
import type { HostedKind, NodeId, NodeRecord, ShardRecord } from "../../../cluster/records/schemas.ts";
import { View } from "../../../cluster/view.ts";
import type { History, Place } from "../../../testing/history.ts";

export class Places {
  readonly #history: History;
  readonly #actorsOf: (kind: string, shard: number) => readonly string[];
  readonly #kinds = new Map<string, HostedKind>();
  readonly #records = new Map<string, ShardRecord>();
  /** By key of their shard. */
  readonly #actors = new Map<string, readonly string[]>();
  /** What the history was told last, by actor. */
  readonly #told = new Map<string, string>();
  #view = new View();

  constructor(history: History, actorsOf: (kind: string, shard: number) => readonly string[]) {
    this.#history = history;
    this.#actorsOf = actorsOf;
  }

  /** A node's record was written. */
  sawNode(record: NodeRecord): void {
    for (const hosted of record.kinds) this.#kinds.set(hosted.kind, hosted);
    const view = this.#view.with(record);
    if (view === this.#view) return;
    this.#view = view;
    for (const { kind, shards } of this.#kinds.values())
      for (let shard = 0; shard < shards; shard++) this.#tell(kind, shard);
  }

  /** A shard's record was written. */
  sawShard(key: string, record: ShardRecord): void {
    const [, kind = "", shard = ""] = key.split(".");
    this.#records.set(key, record);
    this.#tell(kind, Number(shard));
  }

  #tell(kind: string, shard: number): void {
    const key = `shards.${kind}.${shard}`;
    const record = this.#records.get(key);
    const actors = this.#actors.get(key) ?? this.#actorsOf(kind, shard);
    this.#actors.set(key, actors);
    const isParking = record?.state === "parked" || record?.to === "bucket";
    const heir = this.#isNobodys(record) ? this.#placed(kind, shard)?.node : undefined;
    for (const actor of actors) this.#place(actor, { nodes: nodesOf(actor, kind, record), isParking, heir });
  }

  #place(actor: string, place: Omit<Place, "at">): void {
    const told = JSON.stringify(place);
    if (this.#told.get(actor) === told) return;
    this.#told.set(actor, told);
    this.#history.placed(actor, place);
  }

  /** One that moves is only its target's, as long as that lives. */
  #isNobodys(record: ShardRecord | undefined): boolean {
    if (record === undefined) return true;
    if (record.state === "parked" || !this.#view.isOver(record.owner)) return false;
    return !isNode(record.to) || this.#view.isOver(record.to);
  }

  /** Who should take it, as who knew all records would plan. */
  #placed(kind: string, shard: number): NodeId | undefined {
    const able = this.#view.hosting(kind).map((id) => ({ id, weight: id.weight }));
    const ownerOf = (other: number) => {
      const record = this.#records.get(`shards.${kind}.${other}`);
      return record && !this.#view.isOver(record.owner) ? record.owner : undefined;
    };
    return place(kind, this.#kinds.get(kind)?.shards ?? 1, able, { ownerOf })[shard];
  }
}

function nodesOf(actor: string, kind: string, record: ShardRecord | undefined): string[] {
  if (record === undefined) return [];
  const { owner, to, late } = record;
  const lateAt = late.filter(({ name }) => `${kind}/${name}` === actor).map(({ at }) => at.node);
  return [owner.node, ...(isNode(to) ? [to.node] : []), ...lateAt];
}

function isNode(to: ShardRecord["to"]): to is NodeId {
  return to !== undefined && to !== "bucket";
}
