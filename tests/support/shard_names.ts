// Names that reach every shard of a kind.
import { shardOf } from "../../cluster/placement/placement.ts";

/** One name in each shard of a kind, in the order of the shards: `probe0`, `probe7`, … */
export function namesOfShards(kind: string, shards: number): string[] {
  const names = new Map<number, string>();
  for (let i = 0; names.size < shards; i++) {
    const shard = shardOf(kind, `probe${i}`, shards);
    if (!names.has(shard)) names.set(shard, `probe${i}`);
  }
  return [...names.entries()].sort(([a], [b]) => a - b).map(([, name]) => name);
}
