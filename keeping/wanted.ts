/**
 * Which of the actors that are kept alive belong to which shard.
 *
 * @module
 */
import type { Registration } from "../actors/host.ts";
import { shardOf } from "../cluster/placement/placement.ts";

/** By shard; a shard that has none is left out. None for "all", which only the store knows. */
export function namesByShard({ contract, keep }: Registration): ReadonlyMap<number, readonly string[]> {
  const byShard = new Map<number, string[]>();
  if (keep === undefined || keep === "all") return byShard;
  for (const name of keep) {
    const shard = shardOf(contract.kind, name, contract.shards);
    const names = byShard.get(shard);
    if (names) names.push(name);
    else byShard.set(shard, [name]);
  }
  return byShard;
}
