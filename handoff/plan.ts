/**
 * What one node should do about one shard, from what is and what should be. Pure, and judged anew each time: it is
 * driven by the level of things, never by an edge that could be missed.
 *
 * @module
 */
import { type NodeId, sameNode, type ShardRecord } from "../cluster/records/schemas.ts";
import { type IsOver, mayClaim } from "../cluster/records/shard_changes.ts";
import type { Removal } from "../cluster/ownership.ts";

/** What is known when the decision is taken, about a shard that no move or claim under way here is about. */
export interface Situation {
  readonly self: NodeId;
  readonly record: ShardRecord | undefined;
  /** That it was removed; `undefined` if it is there, or there was none. */
  readonly removal: Pick<Removal, "record"> | undefined;
  /** Whether it was removed, and somebody else may still serve the shard and make the record anew. */
  readonly isAwaited: boolean;
  /** The node that should own it by the current view; `undefined` when none can. */
  readonly desired: NodeId | undefined;
  readonly isOver: IsOver;
  /** Of the kind's states, as this node knows it. */
  readonly stateVersion: number;
  /** Whether this node serves it now. */
  readonly served: boolean;
  /** Whether this node is going away. */
  readonly leaving: boolean;
}

/** What to do. */
export type Step =
  | { readonly do: "nothing" }
  | { readonly do: "claim" }
  | { readonly do: "restore" }
  | { readonly do: "move"; readonly to: NodeId }
  | { readonly do: "park" }
  /** The record shows a move by this node, and no such move is under way here: only the record's change ends it. */
  | { readonly do: "reclaim" }
  /** The record was removed, and this node goes on serving the shard: it makes the record anew. */
  | { readonly do: "reinstate" }
  /** The record names this node, yet nothing of it is here: take it up without its memory. */
  | { readonly do: "adopt" };

/**
 * Whether a shard that `self` serves under `epoch` is somebody else's by its record: it must stop being served at once.
 * A missing record says nothing. The epoch of another owner does not matter: what is known of records never goes back, so
 * a lower one is of a record that was removed and made anew.
 */
export function isSuperseded(self: NodeId, epoch: number, record: ShardRecord | undefined): boolean {
  if (record === undefined) return false;
  if (!sameNode(record.owner, self)) return true;
  return record.epoch > epoch || (record.epoch === epoch && record.state === "parked");
}

const NOTHING: Step = { do: "nothing" };

/** One decision. */
export function planShard(situation: Situation): Step {
  const { self, record, desired, isOver, served, leaving } = situation;
  const wanted = desired !== undefined && sameNode(desired, self);
  const takes = wanted && !leaving;
  if (record === undefined) return planWithout(situation, takes);
  if (record.state === "parked") {
    const readable = (record.parked?.stateVersion ?? 0) <= situation.stateVersion;
    return takes && readable ? { do: "restore" } : NOTHING;
  }
  if (!sameNode(record.owner, self)) {
    const heir = record.to !== undefined && record.to !== "bucket" && sameNode(record.to, self);
    // an heir takes it also when it leaves, for nobody else may: it gives it away afterwards
    return (heir || takes) && mayClaim(record, self, isOver) ? { do: "claim" } : NOTHING;
  }
  if (record.state === "moving") return { do: "reclaim" };
  if (!served) return { do: "adopt" };
  if (desired !== undefined && !wanted) return { do: "move", to: desired };
  return leaving && desired === undefined ? { do: "park" } : NOTHING;
}

/**
 * A removed record gives its shard to nobody: whoever serves it makes it anew. What is known here of that one may be old, or
 * nothing at all, so anybody else waits for as long as it may take.
 */
function planWithout({ self, removal, isAwaited, served }: Situation, takes: boolean): Step {
  const said = removal?.record;
  if (said && said.state !== "parked" && sameNode(said.owner, self))
    return { do: served ? "reinstate" : "claim" };
  const isServed = isAwaited && said?.state !== "parked";
  return takes && !isServed ? { do: "claim" } : NOTHING;
}
