/**
 * Which node should own which shard: a proposal that every node computes alike from the same records, without asking
 * anybody. The ownership record decides.
 *
 * Every node has its fair share of the shards, and **nothing moves that need not**: whoever has a shard keeps it while it has
 * no more than its share. So a node that joins is given its share and nothing else moves, and of one that leaves only its own
 * shards do. What has to move goes to the node that it suits best, by rendezvous hashing over *names*, so a node that
 * restarts gets most of its shards back.
 *
 * @module
 */
import { hash32 } from "../../platform/hash.ts";
import { apportion } from "./apportionment.ts";
import { isShardCount, type NodeId, nodeKey } from "../records/schemas.ts";
import { cost, mixed, seedOf, shardHash } from "./rendezvous.ts";

/** A node that shards of the kind may be given to. */
export interface Candidate {
  readonly id: NodeId;
  /** Relative share; one with 0 gets nothing. */
  readonly weight: number;
  /** Each zone that has a candidate gets the same number of shards. Default: all are in one. */
  readonly zone?: string;
}

/** How things stand. */
export interface Standing {
  /** Who has a shard, or is just being given it; `undefined`: nobody who lives. */
  ownerOf(shard: number): NodeId | undefined;
  /** Nodes that get nothing more, and keep what they have. */
  readonly keepers?: readonly NodeId[];
  /** Whether candidates too keep what they have, more than their share or not: only what has no place is given one. Default: no. */
  readonly isFrozen?: boolean;
  /** Where shards have to be, whatever their shares: candidates, or keepers that have them. */
  readonly pins?: ReadonlyMap<number, NodeId>;
}

/** Nobody has anything. */
const NOTHING: Standing = { ownerOf: () => undefined };

/** The shard of an actor: the top bits of a hash, so that a shard can later be split in place. */
export function shardOf(kind: string, name: string, shards: number): number {
  if (shards === 1) return 0;
  return hash32(`${kind}/${name}`) >>> (1 + Math.clz32(shards));
}

/**
 * The node that should own each shard of a kind, by shard number; `undefined` for those that no candidate is there for and no
 * keeper has. The order of the candidates does not matter; no two may have the same name.
 *
 * What comes out is at rest: with it as the standing, the same comes out again.
 *
 * Cost: about the shards, and the shards that move × candidates.
 *
 * @throws {RangeError} if `shards` is not a power of two from 1 to 4,096
 */
export function place(
  kind: string,
  shards: number,
  candidates: readonly Candidate[],
  standing: Standing = NOTHING,
): readonly (NodeId | undefined)[] {
  if (!isShardCount(shards))
    throw new RangeError(
      `Cannot place shards of "${kind}": their number is ${shards}, and must be a power of two`,
    );
  return new Placing(kind, shards, candidates, standing).placed();
}

/** A candidate with what it has, and what it may have. */
interface Taker {
  readonly id: NodeId;
  readonly hash: number;
  readonly weight: number;
  readonly zone: string;
  readonly rank: number;
  /** Shards that stay with it, whatever its share. */
  pinned: number;
  /** The others that it has. */
  readonly held: number[];
  /** How many of those it may have. */
  room: number;
}

class Placing {
  readonly #seed: number;
  readonly #takers: readonly Taker[];
  readonly #placed: (NodeId | undefined)[];
  /** To be given to somebody. */
  #homeless: number[] = [];

  constructor(kind: string, shards: number, candidates: readonly Candidate[], standing: Standing) {
    this.#seed = seedOf(kind);
    this.#takers = candidates
      .filter(({ weight }) => weight > 0)
      .sort((a, b) => (a.id.node < b.id.node ? -1 : 1))
      .map(({ id, weight, zone = "" }) => this.#taker(id, weight, zone));
    this.#placed = new Array<NodeId | undefined>(shards).fill(undefined);
    this.#takeStock(standing);
  }

  #taker(id: NodeId, weight: number, zone: string): Taker {
    const hash = hash32(id.node);
    return { id, hash, weight, zone, rank: mixed(this.#seed ^ hash), pinned: 0, held: [], room: 0 };
  }

  /** What is pinned or kept has its place; what candidates have may stay; the rest is homeless. */
  #takeStock({ ownerOf, keepers = [], pins = new Map(), isFrozen = false }: Standing): void {
    const takers = new Map(this.#takers.map((taker) => [nodeKey(taker.id), taker]));
    const keeping = new Set(keepers.map(nodeKey));
    for (let shard = 0; shard < this.#placed.length; shard++) {
      const pin = pins.get(shard);
      const id = pin ?? ownerOf(shard);
      const taker = id && takers.get(nodeKey(id));
      const stays = pin !== undefined || (taker ? isFrozen : id !== undefined && keeping.has(nodeKey(id)));
      if (stays) this.#placed[shard] = id;
      if (stays && taker) taker.pinned++;
      else if (taker) taker.held.push(shard);
      else if (!stays) this.#homeless.push(shard);
    }
  }

  placed(): readonly (NodeId | undefined)[] {
    if (this.#takers.length === 0) return this.#placed;
    this.#share();
    const needy = this.#takers.filter(({ held, room }) => held.length < room);
    for (const taker of this.#takers) this.#keepOwn(taker, needy);
    for (const shard of this.#homeless.sort((a, b) => a - b)) this.#give(shard, this.#best(shard));
    return this.#placed;
  }

  /** Who has more that stays than its share gets nothing else, and the others share the rest. */
  #share(): void {
    let sharing = this.#takers;
    let total = sharing.reduce((sum, { pinned, held }) => sum + pinned + held.length, this.#homeless.length);
    for (;;) {
      const shares = apportion(
        total,
        sharing.map(({ weight, zone, rank, pinned, held }) => ({
          ...{ weight, zone, rank, holds: pinned + held.length },
        })),
      );
      const isOver = ({ pinned }: Taker, at: number) => pinned > (shares[at] as number);
      const over = sharing.filter(isOver);
      if (over.length === 0) {
        for (const [at, taker] of sharing.entries()) taker.room = (shares[at] as number) - taker.pinned;
        return;
      }
      total -= over.reduce((sum, { pinned }) => sum + pinned, 0);
      sharing = sharing.filter((taker) => !over.includes(taker));
    }
  }

  /** It gives up what is above its room, first what would be so much better off elsewhere. */
  #keepOwn(taker: Taker, needy: readonly Taker[]): void {
    const { held, room } = taker;
    let staying = held;
    if (held.length > room) {
      const gains = new Map(held.map((shard) => [shard, this.#gain(shard, taker, needy)]));
      const sorted = held.toSorted((a, b) => (gains.get(a) ?? 0) - (gains.get(b) ?? 0) || a - b);
      staying = sorted.slice(0, room);
      this.#homeless.push(...sorted.slice(room));
    }
    for (const shard of staying) this.#placed[shard] = taker.id;
    taker.room -= staying.length;
  }

  /** How much better the best of the others suits it. */
  #gain(shard: number, from: Taker, others: readonly Taker[]): number {
    const hash = shardHash(this.#seed, shard);
    let least = Number.POSITIVE_INFINITY;
    for (const other of others) least = Math.min(least, cost(hash, other.hash, other.weight));
    return cost(hash, from.hash, from.weight) - least;
  }

  #best(shard: number): Taker | undefined {
    const hash = shardHash(this.#seed, shard);
    let best: Taker | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const taker of this.#takers) {
      if (taker.room <= 0) continue;
      const price = cost(hash, taker.hash, taker.weight);
      if (price < least) [best, least] = [taker, price];
    }
    return best;
  }

  #give(shard: number, taker: Taker | undefined): void {
    if (taker === undefined) return;
    taker.room--;
    this.#placed[shard] = taker.id;
  }
}
