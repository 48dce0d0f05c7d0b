/**
 * One move: what it is to do, and how it ended.
 *
 * @module
 */
import type { Activation } from "../actors/activation.ts";
import type { OwnedEntry } from "../cluster/ownership.ts";
import type { NodeId } from "../cluster/protocol.ts";
import type { Shard } from "../delivery/shard.ts";
import type { ShardMoved } from "../events.ts";
import type { SealedShard } from "./seal.ts";
import type { Giving } from "./transfer.ts";

/** What a move is to do. */
export interface MovePlan {
  readonly moveId: string;
  readonly shard: Shard;
  readonly to: NodeId | "bucket";
  readonly why: ShardMoved["why"];
}

/** How a move ended. */
export type MoveEnd =
  | { readonly moved: true; readonly late: readonly Activation[]; readonly report: ShardMoved }
  | { readonly moved: false; readonly reason: string };

/** What happens to the sealed bytes when there is no node to pull them. */
export interface Parking {
  park(kind: string, shard: number, moving: OwnedEntry, sealed: SealedShard, giving: Giving): Promise<void>;
}
