/**
 * What is to be said next about a watch: decided by where it stands, what its owner has said last, and the shard's record now.
 * Nothing depends on a message or an event that must not be missed.
 *
 * @module
 */
import type { NodeId, ShardRecord } from "../../cluster/records/schemas.ts";
import type { WatchStage } from "../../actors/watch/parts.ts";

/** Who has said that it knows of a watch, and under which epoch. */
export interface Confirmation {
  readonly owner: NodeId;
  readonly epoch: number;
}

/** A watch as its watcher's node sees it. */
export interface WatchSight {
  /** The watched actor's. */
  readonly name: string;
  readonly stage: WatchStage;
  /** The latest on this node; `undefined` after a move of the watcher. */
  readonly confirmed: Confirmation | undefined;
  /** Of the watched actor's shard; `undefined` if none is known. */
  readonly record: ShardRecord | undefined;
  /** Whether the watched actor lives in memory. */
  readonly isInMemory: boolean;
  /** Whether a life of a node is proven to be over. */
  readonly isOver: (id: NodeId) => boolean;
}

/** What to do about it. */
export type NextWord =
  /** Nothing, until the record changes. */
  | "none"
  /** Ask the watched actor's owner whether it knows of it. */
  | "ask"
  /** Tell it that the watch is over. */
  | "unask"
  /** Tell the watcher that the watched actor is lost: nobody has to be asked for that. */
  | "lost";

/** See the module's text. */
export function nextWord({ name, stage, confirmed, record, isInMemory, isOver }: WatchSight): NextWord {
  if (stage === "leaving") return "unask";
  if (stage === "asked") return "ask";
  if (record === undefined || record.state === "parked" || isOver(record.owner)) return "none"; // whoever has it next is asked
  if (confirmed === undefined) return "ask";
  if (record.epoch <= confirmed.epoch) return "none";
  const wasClaimed = record.floor > confirmed.epoch && isOver(confirmed.owner);
  const isLate = record.late.some((late) => late.name === name);
  return isInMemory && wasClaimed && !isLate ? "lost" : "ask";
}
