/**
 * Which node should own which shard: a proposal that every node computes alike from the same view, without asking
 * anybody. The ownership record decides.
 *
 * Weighted rendezvous hashing: each pair of shard and node has a score, and the shard goes to the best node that still
 * has room. Room is bounded to {@link LOAD_MAX} times the fair share, rounded up, so that chance loads nobody much above
 * the others. Scores use the node's *name*, so a restarted node gets its shards back.
 *
 * Only integer operations and the four basic operations on floats are used: `Math.log` differs in its last bit between
 * JavaScript engines, and two nodes on different ones must agree.
 *
 * @module
 */
import { hash32 } from "../platform/hash.ts";
import { isShardCount, type NodeId } from "./records/schemas.ts";

/** Most shards a node is proposed, as a multiple of its fair share by weight. */
export const LOAD_MAX = 1.1;

/** A node that may own shards of the kind. */
export interface Candidate {
  readonly id: NodeId;
  /** Relative share; one with 0 gets nothing. */
  readonly weight: number;
}

/** The shard of an actor: the top bits of a hash, so that a shard can later be split in place. */
export function shardOf(kind: string, name: string, shards: number): number {
  if (shards === 1) return 0;
  return hash32(`${kind}/${name}`) >>> (1 + Math.clz32(shards));
}

/**
 * The node that should own each shard of a kind, by shard number; `undefined` everywhere if there is no candidate.
 * The order of the candidates does not matter; no two may have the same name.
 *
 * Cost: shards × candidates; 4,096 × 20 takes a few milliseconds, so keep the answer as long as the view stays.
 *
 * @throws {RangeError} if `shards` is not a power of two from 1 to 4,096
 */
export function place(
  kind: string,
  shards: number,
  candidates: readonly Candidate[],
): readonly (NodeId | undefined)[] {
  if (!isShardCount(shards))
    throw new RangeError(
      `Cannot place shards of "${kind}": their number is ${shards}, and must be a power of two`,
    );
  const takers = takersOf(shards, candidates);
  const seed = hash32(`${kind}/`);
  return Array.from({ length: shards }, (_, shard) => {
    const best = bestTaker(mixed(seed ^ Math.imul(shard + 1, 0x9e3779b1)), takers);
    if (best) best.room--;
    return best?.id;
  });
}

interface Taker {
  readonly id: NodeId;
  readonly hash: number;
  readonly weight: number;
  room: number;
}

/** The candidates in one order for all observers, each with the room it has. */
function takersOf(shards: number, candidates: readonly Candidate[]): Taker[] {
  const able = candidates.filter((candidate) => candidate.weight > 0);
  able.sort((a, b) => (a.id.node < b.id.node ? -1 : 1));
  // Summed in the sorted order: float addition is not associative.
  const total = able.reduce((sum, candidate) => sum + candidate.weight, 0);
  return able.map(({ id, weight }) => ({
    id,
    weight,
    hash: hash32(id.node),
    room: Math.ceil((LOAD_MAX * shards * weight) / total),
  }));
}

function bestTaker(shardHash: number, takers: readonly Taker[]): Taker | undefined {
  let best: Taker | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const taker of takers) {
    if (taker.room <= 0) continue;
    const hash = mixed(mixed(shardHash ^ Math.imul(taker.hash, 0x85ebca6b)) + taker.hash);
    const cost = minusLog((hash + 0.5) / 4294967296) / taker.weight;
    if (cost < least) {
      least = cost;
      best = taker;
    }
  }
  return best;
}

/** Murmur3's avalanche: each bit of the input reaches each bit of the result. */
function mixed(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** -ln(x) for x between 0 and 1, to about 1e-9 and bit by bit the same on every engine. */
function minusLog(x: number): number {
  let scaled = x;
  let result = 0;
  while (scaled < 2 ** -8) {
    scaled *= 2 ** 8;
    result += 8 * Math.LN2;
  }
  while (scaled < 0.7) {
    scaled *= 2;
    result += Math.LN2;
  }
  const t = (1 - scaled) / (1 + scaled);
  const tt = t * t;
  return (
    result + 2 * t * (1 + tt * (1 / 3 + tt * (1 / 5 + tt * (1 / 7 + tt * (1 / 9 + tt * (1 / 11 + tt / 13))))))
  );
}
