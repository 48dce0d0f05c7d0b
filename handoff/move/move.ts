/**
 * One move: what it is to do, and how it ended.
 *
 * @module
 */
import type { Activation } from "../../actors/activation/activation.ts";
import type { OwnedEntry } from "../../cluster/ownership.ts";
import { type NodeId, sameNode, type ShardRecord } from "../../cluster/records/schemas.ts";
import type { Shard } from "../../delivery/receiving/shard.ts";
import type { ShardMoved } from "../../events.ts";
import type { ChunkedBytes } from "../../transport/chunks.ts";
import type { SealedShard } from "./seal.ts";

/** What a move is to do. */
export interface MovePlan {
  readonly moveId: string;
  readonly shard: Shard;
  readonly to: NodeId | "bucket";
  readonly why: ShardMoved["why"];
  /** Of whom moves it by hand. */
  readonly reason?: string;
}

/** How a move ended. */
export type MoveEnd =
  | { readonly as: "committed"; readonly late: readonly Activation[]; readonly report: ShardMoved }
  | { readonly as: "kept"; readonly reason: string }
  | { readonly as: "superseded" };

/**
 * What the record says about a move that its source makes under `epoch`; `undefined`: it goes on.
 *
 * A handover keeps the floor, and after this node's epoch only its own move could be one. So it has committed if the
 * floor is not above that epoch, however often the shard has moved on since.
 */
export function verdict(
  self: NodeId,
  epoch: number,
  moveId: string,
  record: ShardRecord | undefined,
): "committed" | "superseded" | "missing" | undefined {
  if (record === undefined) return "missing";
  const isUnder = sameNode(record.owner, self) && record.epoch === epoch;
  if (isUnder && record.state !== "parked") return undefined;
  if (isUnder) return record.moveId === moveId ? "committed" : "superseded";
  return record.epoch > epoch && record.floor <= epoch ? "committed" : "superseded";
}

/** What happens to the sealed bytes when there is no node to pull them. */
export interface Parking {
  park(
    kind: string,
    shard: number,
    moving: OwnedEntry,
    sealed: SealedShard,
    bytes: ChunkedBytes,
  ): Promise<void>;
}

/** When a move began, when its last handler could start, and when it ended; on the source's clock. */
export interface MoveTimes {
  readonly startedAt: number;
  /** 0 if it never came so far. */
  readonly drainedAt: number;
  readonly endedAt: number;
}

/** What the journal and the events say about a move that ended well. */
export function moveReport(
  { moveId, shard, to, why, reason }: MovePlan,
  from: string,
  epoch: number,
  sealed: SealedShard | undefined,
  lateActors: number,
  { startedAt, drainedAt, endedAt }: MoveTimes,
): ShardMoved {
  return {
    type: "shard-moved",
    moveId,
    kind: shard.kind,
    shard: shard.shard,
    epoch,
    from,
    to: to === "bucket" ? "parked" : to.node,
    why,
    ...(reason === undefined ? {} : { reason }),
    actors: sealed?.actors ?? 0,
    lateActors,
    bytes: sealed?.bytes.byteLength ?? 0,
    durationMs: endedAt - startedAt,
    pauseMs: drainedAt === 0 ? 0 : endedAt - drainedAt,
  };
}
