/**
 * Sees every write of a record in the moment when it is applied: who owns what, who was declared dead, and what was lost.
 * Nobody in the cluster knows as much.
 */
import { prefixOf } from "../../../cluster/records/generation.ts";
import {
  incarnationCount,
  type NodeId,
  type NodeRecord,
  recordCodec,
  sameNode,
  type ShardRecord,
} from "../../../cluster/records/schemas.ts";
import type { MemoryBucket } from "../../../transport/memory/bucket.ts";
import { compareAppVersions } from "../../../cluster/placement/app_version.ts";
import { keys } from "../../../transport/subjects.ts";
import { epochIn } from "../../../testing/generations.ts";
import type { History } from "../../../testing/history.ts";
import { Places } from "./places.ts";

/** A moment at which a fault may be at its worst: a record was written, and nobody has heard of it yet. */
export interface Moment {
  readonly what: "prepared" | "committed" | "claimed" | "renewed" | "died";
  /** Of the shard's record. */
  readonly key: string;
  /** Nodes: the former owner and the new one; for a renewal or a death both are the node itself. */
  readonly from: string;
  readonly to: string;
  /** Actors that are late now. */
  readonly late: number;
  /** Of a node that died. */
  readonly incarnation?: string;
}

/** A move that had begun when a node's record changed has got through by then, or has been given up, in milliseconds. */
const UNDER_WAY_MS = 600;
/** By then everybody knows what a node says of itself, and has planned anew. */
const KNOWN_AFTER_MS = 2_500;

export class RecordObserver {
  readonly #history: History;
  readonly #actorsOf: (kind: string, shard: number) => readonly string[];
  readonly #onMoment: (moment: Moment) => void;
  #places: Places;
  readonly #bucket: MemoryBucket;
  /** Before the keys of the generation that the bucket is of. */
  #prefix: string | undefined;
  readonly #codec = recordCodec();
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #leaseMs: number;
  /** When the record of an incarnation was first written. */
  readonly #since = new Map<string, number>();
  readonly #shards = new Map<string, ShardRecord>();
  /** Shards whose record was removed, and has not been made anew. */
  readonly #removed = new Set<string>();
  /** When each shard's record was written last. */
  readonly #writtenAt = new Map<string, number>();
  /** In which generation of the records each incarnation began, and which one a name had last. */
  readonly #began = new Map<string, number>();
  /** Since when each node's record says what it says. */
  readonly #saidAt = new Map<string, number>();
  /** The same of the kinds that it hosts. */
  readonly #kindsAt = new Map<string, number>();
  readonly #latest = new Map<string, string>();
  /** Incarnations that were over once: no copy of the records brings one back. */
  readonly #ended = new Set<string>();

  constructor(
    bucket: MemoryBucket,
    history: History,
    actorsOf: (kind: string, shard: number) => readonly string[],
    onMoment: (moment: Moment) => void,
    leaseMs: number,
  ) {
    this.#leaseMs = leaseMs;
    this.#history = history;
    this.#onMoment = onMoment;
    this.#actorsOf = actorsOf;
    this.#places = new Places(history, actorsOf);
    this.#bucket = bucket;
    this.#listen();
  }

  /** The generation that the records are of now, counted from 0. */
  get generation(): number {
    return this.#history.generations.length;
  }

  /** Of which a node's latest incarnation is: that in which it began, unless a later one has taken it up again. */
  generationOf(name: string): () => number {
    const incarnation = this.#latest.get(name) ?? "";
    return () => this.#began.get(incarnation) ?? 0;
  }

  /** The records of shards that are there, by key. */
  get shards(): Iterable<[string, ShardRecord]> {
    return [...this.#shards].filter(([key]) => !this.#removed.has(key));
  }

  /** For how long nobody has written the record of that shard. */
  restsForMs(key: string): number {
    return this.#history.now - (this.#writtenAt.get(key) ?? 0);
  }

  /** The key of a record of this generation as the bucket has it. */
  keyInside(key: string): string {
    return `${this.#prefix ?? ""}${key}`;
  }

  /** All records are gone. Whatever memory there was will not be handed over any more. */
  wiped(): void {
    const history = this.#history;
    history.note("the records are wiped");
    this.#begin();
    this.#listen();
  }

  /**
   * The records are what they were at some time. Who joins now believes them, so it is as if they were others, and as if
   * those who have been away since then were of these. Names of those, and of all who have joined.
   */
  restored(away: readonly string[], joined: readonly string[]): void {
    this.#history.note("the records are restored");
    const value = this.#bucket.entry(keys.generation)?.value;
    this.#prefix = value && prefixOf(this.#codec.decodeGeneration(value).generation);
    const entries = this.#bucket.entries().flatMap(({ key: inside, value }) => {
      const key = this.#inner(inside);
      return key === undefined || value === undefined ? [] : [{ key, value }];
    });
    const of = (sort: string) => entries.filter(({ key }) => key.startsWith(sort));
    const nodes = of("nodes.").map(({ value }) => this.#codec.decodeNode(value));
    // their records say that they live, and they have to be found dead once more
    for (const node of nodes)
      if (!joined.includes(node.node) || this.#latest.get(node.node) !== node.incarnation)
        this.#history.disturbed("records", node.node)();
    this.#begin();
    for (const name of away) this.#began.set(this.#latest.get(name) ?? "", this.generation);
    for (const node of nodes) this.#nodes.set(node.node, node);
    for (const node of nodes) this.#places.sawNode(node);
    for (const { key, value } of of("shards.")) {
      const shard = this.#codec.decodeShard(value);
      this.#shards.set(key, shard);
      this.#places.sawShard(key, shard);
    }
  }

  /** Another generation, or what is as good as one. */
  #begin(): void {
    const history = this.#history;
    history.generations.push(history.now);
    history.lossesUnseen = true; // each node finds out by itself
    this.#nodes.clear();
    this.#shards.clear();
    this.#removed.clear();
    this.#places = new Places(history, this.#actorsOf);
  }

  /** A generation's record was written: not the first one in that bucket, if somebody has ended another. */
  #entered(prefix: string): void {
    if (this.#prefix !== undefined && this.#prefix !== prefix) this.#begin();
    this.#prefix = prefix;
  }

  /** What a key is called within the generation; what nodes still write that know another concerns nobody of this one. */
  #inner(inside: string): string | undefined {
    if (this.#prefix === undefined || !inside.startsWith(this.#prefix)) return undefined;
    return inside.slice(this.#prefix.length);
  }

  #listen(): void {
    this.#prefix = undefined;
    this.#bucket.onChange(({ key: inside, value }) => {
      if (value === undefined) return this.#gone(inside);
      if (inside === keys.generation) this.#entered(prefixOf(this.#codec.decodeGeneration(value).generation));
      const key = this.#inner(inside);
      if (key === undefined) return;
      if (key.startsWith("nodes.")) this.#node(this.#codec.decodeNode(value));
      else if (key.startsWith("shards.")) this.#shard(key, this.#codec.decodeShard(value));
    });
  }

  #gone(inside: string): void {
    const key = inside.slice(this.#prefix?.length ?? 0);
    if (!this.#shards.has(key)) return;
    this.#removed.add(key);
    this.#history.note(`no record of ${key}`);
    const [, kind = "", shard = ""] = key.split(".");
    // a move that has begun is given up, with what waits for it
    for (const actor of this.#actorsOf(kind, Number(shard))) this.#history.lost(actor, 0, false);
  }

  #node(next: NodeRecord): void {
    const before = this.#nodes.get(next.node);
    this.#nodes.set(next.node, next);
    const isBack = this.#ended.has(next.incarnation); // a copy, or a late write, of one that was over has to be found dead
    if (isOver(next)) this.#ended.add(next.incarnation);
    this.#latest.set(next.node, next.incarnation);
    if (!this.#since.has(next.incarnation)) this.#since.set(next.incarnation, this.#history.now);
    if (!this.#began.has(next.incarnation)) this.#began.set(next.incarnation, this.generation);
    this.#places.sawNode(next);
    if (
      next.state !== before?.state ||
      next.cordon !== before.cordon ||
      next.incarnation !== before.incarnation
    )
      this.#saidAt.set(next.node, this.#history.now);
    if (
      next.incarnation !== before?.incarnation ||
      JSON.stringify(next.kinds) !== JSON.stringify(before.kinds)
    )
      this.#kindsAt.set(next.node, this.#history.now);
    if (next.state === before?.state && next.incarnation === before.incarnation)
      return this.#onMoment({ what: "renewed", key: "", from: next.node, to: next.node, late: 0 });
    this.#history.note(`record of node ${next.node} ${next.incarnation} ${next.state}`);
    if (next.state === "dead" && !isBack) this.#died(next);
    if (!before) return;
    const newer = incarnationCount(next.incarnation) > incarnationCount(before.incarnation);
    if (newer && !this.#over(before))
      this.#history.violate("I1", `${next.node} ${next.incarnation} took the name of one who lives`);
    if (!newer && isOver(before))
      this.#history.violate(
        "I1",
        `${next.node} ${next.incarnation} is ${next.state} after it was ${before.state}`,
      );
  }

  #died({ node, incarnation }: NodeRecord): void {
    this.#history.died(node, this.#since.get(incarnation) ?? 0);
    this.#onMoment({ what: "died", key: "", from: node, to: node, late: 0, incarnation });
  }

  #shard(key: string, next: ShardRecord): void {
    const before = this.#shards.get(key);
    this.#shards.set(key, next);
    this.#writtenAt.set(key, this.#history.now);
    this.#places.sawShard(key, next);
    const { owner, epoch, floor, state } = next;
    this.#history.note(`record of ${key} ${owner.node} ${epoch} ${floor} ${state}`);
    if (before === undefined) return;
    if (this.#removed.delete(key)) return this.#madeAnew(key, before, next);
    this.#checkPlace(key, before, next);
    const fault = this.#faultOf(before, next);
    if (fault !== undefined)
      this.#history.violate("I1", `${key} went from ${inWords(before)} to ${inWords(next)}: ${fault}`);
    if (epoch !== before.epoch && floor === epoch && !sameNode(owner, before.owner))
      this.#claimed(key, before, epoch);
    this.#lateLost(key, before, next);
    this.#tell(key, before, next);
  }

  /**
   * By its owner, who goes on: then nothing is lost. Or by one who could not know who had it. What was stored tells the next
   * owner from which epoch on he is later than all.
   */
  #madeAnew(key: string, before: ShardRecord, next: ShardRecord): void {
    if (goesOn(before, next)) return this.#wentOn(key, before, next);
    if (next.epoch <= before.epoch)
      this.#history.violate("I1", `${key} was made anew as ${inWords(next)}, after ${inWords(before)}`);
    // who was about to give it away had its memory
    if (before.state === "moving" && sameNode(before.owner, next.owner))
      this.#history.violate("I4", `${key} began anew as ${inWords(next)}, after ${inWords(before)}`);
    this.#claimed(key, before, next.epoch);
    const [, kind = "", shard = ""] = key.split(".");
    for (const actor of this.#actorsOf(kind, Number(shard)))
      this.#history.allowances.superseded(actor, epochIn(this.generation, next.epoch), this.#history.now);
  }

  /** Above an epoch that another may have had: its memory and its mail are there, and no sender can know that. */
  #wentOn(key: string, before: ShardRecord, next: ShardRecord): void {
    if (next.epoch === before.epoch) return;
    const [, kind = "", shard = ""] = key.split(".");
    const epoch = epochIn(this.generation, next.epoch);
    for (const actor of this.#actorsOf(kind, Number(shard))) {
      this.#history.lost(actor, epoch, false);
      this.#history.allowances.raised(actor, epoch, this.#history.now);
    }
  }

  /** Who was late at a node that is over is awaited no more, and what was not stored is lost with that node. */
  #lateLost(key: string, before: ShardRecord, next: ShardRecord): void {
    const [, kind = ""] = key.split(".");
    const awaited = new Set(next.late.map(({ name }) => name));
    for (const { name, at } of before.late)
      if (!awaited.has(name) && this.#over(at))
        this.#history.lost(`${kind}/${name}`, epochIn(this.generation, next.epoch));
  }

  /** What was there is lost; of actors that are late at a node that lives only their mail. */
  #claimed(key: string, { late }: ShardRecord, epoch: number): void {
    const [, kind = "", shard = ""] = key.split(".");
    const elsewhere = late.filter(({ at }) => !this.#over(at)).map(({ name }) => `${kind}/${name}`);
    for (const actor of this.#actorsOf(kind, Number(shard)))
      this.#history.lost(actor, epochIn(this.generation, epoch), !elsewhere.includes(actor));
  }

  #tell(key: string, before: ShardRecord, next: ShardRecord): void {
    const from = before.owner.node;
    if (next.state === "moving" && isNode(next.to))
      return this.#onMoment({ what: "prepared", key, from, to: next.to.node, late: 0 });
    if (next.epoch === before.epoch || next.state !== "owned") return;
    const what = next.floor === before.floor ? "committed" : "claimed";
    this.#onMoment({ what, key, from, to: next.owner.node, late: next.late.length });
  }

  /** Nothing is given to a node that is known to want nothing, nor to one of an older version than another that could have it. */
  #checkPlace(key: string, before: ShardRecord, next: ShardRecord): void {
    if (next.state !== "moving" || before.state !== "owned" || !isNode(next.to)) return;
    const target = this.#nodes.get(next.to.node);
    this.#checkVersion(key, before.owner, target);
    if (target === undefined || this.#history.now - (this.#saidAt.get(target.node) ?? 0) < KNOWN_AFTER_MS)
      return;
    if (target.cordon !== undefined)
      this.#history.violate("I10", `${key} is given to ${target.node}, which is ${target.cordon}`);
    const [, kind = ""] = key.split(".");
    const newer = [...this.#nodes.values()].find(
      (other) =>
        other.state === "up" &&
        other.cordon === undefined &&
        other.kinds.some((hosted) => hosted.kind === kind) &&
        this.#history.now - (this.#saidAt.get(other.node) ?? 0) >= KNOWN_AFTER_MS &&
        compareAppVersions(other.version, target.version) > 0,
    );
    if (newer)
      this.#history.violate(
        "I10",
        `${key} is given to ${target.node} of ${target.version}, beside ${newer.node} of ${newer.version}`,
      );
  }

  /** Nothing goes from a node that reads newer states to one that does not. */
  #checkVersion(key: string, owner: NodeId, target: NodeRecord | undefined): void {
    const source = this.#nodes.get(owner.node);
    if (source === undefined || target === undefined) return;
    if (this.#history.now - (this.#kindsAt.get(source.node) ?? 0) < UNDER_WAY_MS) return;
    const versionOf = ({ kinds }: NodeRecord) =>
      kinds.find(({ kind }) => key.startsWith(`shards.${kind}.`))?.stateVersion ?? 0;
    if (versionOf(target) < versionOf(source))
      this.#history.violate(
        "I10",
        `${key} goes from ${source.node} with version ${versionOf(source)} to ${target.node} with ${versionOf(target)}`,
      );
  }

  /** Why a change must not be, if so. */
  #faultOf(before: ShardRecord, next: ShardRecord): string | undefined {
    const sameOwner = sameNode(before.owner, next.owner);
    if (next.epoch === before.epoch) {
      if (!sameOwner || next.floor !== before.floor) return "another owner under the same epoch";
      return before.state === "parked" ? "a parked shard changed without being restored" : undefined;
    }
    if (next.epoch < before.epoch) return "the epoch goes back";
    if (next.floor === before.floor) {
      if (next.epoch !== before.epoch + 1) return "a handover that does not raise the epoch by one";
      const heir = before.state === "moving" && isNode(before.to) && sameNode(before.to, next.owner);
      const isInPlace = sameOwner && before.state === "owned" && next.state === "owned";
      return heir || isInPlace || before.state === "parked" ? undefined : "a handover without a move";
    }
    if (next.floor !== next.epoch) return "a floor that is no claim's";
    if (before.state === "parked") return "a claim of a parked shard";
    if (sameOwner) return undefined; // taken up again by its owner, which never served it
    if (!this.#over(before.owner)) return "claimed from an owner who lives";
    const heir = isNode(before.to) && !sameNode(before.to, next.owner) && !this.#over(before.to);
    return heir ? "claimed before the target of its move, who lives" : undefined;
  }

  #over(id: NodeId): boolean {
    if (this.#ended.has(id.incarnation)) return true;
    const record = this.#nodes.get(id.node);
    if (record === undefined) return false;
    if (record.incarnation === id.incarnation) return isOver(record);
    const ahead = incarnationCount(record.incarnation) - incarnationCount(id.incarnation);
    if (ahead !== 0) return ahead > 0;
    // records went back between the two: the one whose record is there has the name, and the other renews nothing
    return this.#history.now - (this.#since.get(record.incarnation) ?? Infinity) >= this.#leaseMs;
  }
}

function isOver({ state }: NodeRecord): boolean {
  return state === "dead" || state === "gone";
}

function isNode(to: ShardRecord["to"]): to is NodeId {
  return to !== undefined && to !== "bucket";
}

function inWords({ owner, epoch, floor, state, to }: ShardRecord): string {
  const target = isNode(to) ? ` to ${to.node} ${to.incarnation}` : "";
  return `${state}${target} by ${owner.node} ${owner.incarnation} (${epoch}, ${floor})`;
}

/** As it was; or, if it was moving and somebody else could have had it since, above that. */
function goesOn(before: ShardRecord, next: ShardRecord): boolean {
  const names = ({ late }: ShardRecord) => late.map(({ name }) => name).join();
  if (!sameNode(before.owner, next.owner) || names(before) !== names(next)) return false;
  const { epoch, floor, state } = before;
  if (epoch === next.epoch) return floor === next.floor;
  return state === "moving" && next.epoch === epoch + 2 && next.floor === next.epoch;
}
