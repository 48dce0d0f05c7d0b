/**
 * How well each node suits each shard, by hashes that every observer computes alike: rendezvous hashing with weights.
 *
 * A node's name decides, not its incarnation: one that restarts suits the same shards again. Only integer operations and the four
 * basic operations on floats are used, since `Math.log` differs in its last bit between JavaScript engines, and two nodes on
 * different ones must agree.
 *
 * @module
 */
import { hash32 } from "../../platform/hash.ts";

/** A kind, as its shards' hashes begin. */
export function seedOf(kind: string): number {
  return hash32(`${kind}/`);
}

/** The hash of a shard of the kind with that seed. */
export function shardHash(seed: number, shard: number): number {
  return mixed(seed ^ Math.imul(shard + 1, 0x9e3779b1));
}

/** What it costs to have a shard on a node: the lowest is the best. With twice the weight a node is the best of twice as many. */
export function cost(shardHash: number, nodeHash: number, weight: number): number {
  const hash = mixed(mixed(shardHash ^ Math.imul(nodeHash, 0x85ebca6b)) + nodeHash);
  return minusLog((hash + 0.5) / 4294967296) / weight;
}

/** Murmur3's avalanche: each bit of the input reaches each bit of the result. */
export function mixed(value: number): number {
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
