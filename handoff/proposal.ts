/**
 * What is proposed for one shard, and for how long: a shard moves when its proposal has held still. Pure.
 *
 * Each shard is judged by itself. Who comes or goes and changes nothing for this shard delays nothing of it, and those who
 * come one after the other within `settleMs` are one plan: a shard that each of them takes from the one before waits for
 * the last. That has an end: after `settleMaxMs` without a proposal that held, the shard goes where it is proposed then.
 * But only to a node that has been here for `settleMs`, for one that comes and goes itself would take it along.
 *
 * @module
 */
import { type NodeId, sameNode } from "../cluster/records/schemas.ts";
import type { HandoffSettings } from "./settings.ts";

/** One proposal. Times are on the own monotonic clock, in milliseconds. */
export interface Proposal {
  /** Who should own the shard; `undefined` if nobody can. */
  readonly owner: NodeId | undefined;
  /** Since when it is this one. */
  readonly sinceAt: number;
  /** Since when no proposal has held for `settleMs`. */
  readonly restlessAt: number;
}

/** The waits that a proposal is judged by. */
export type SettleTimes = Pick<HandoffSettings, "settleMs" | "settleMaxMs">;

/** The proposal of now; the former one if it is the same. */
export function proposed(
  owner: NodeId | undefined,
  former: Proposal | undefined,
  now: number,
  { settleMs }: SettleTimes,
): Proposal {
  if (former && isSameOwner(former.owner, owner)) return former;
  const held = former === undefined || now - former.sinceAt >= settleMs;
  return { owner, sinceAt: now, restlessAt: held ? now : former.restlessAt };
}

/**
 * When it counts as settled, if it does not change before.
 *
 * @param calmMs how long it has to hold
 * @param knownAt since when its owner is known
 */
export function settlesAt(
  { sinceAt, restlessAt }: Proposal,
  calmMs: number,
  knownAt: number,
  { settleMs, settleMaxMs }: SettleTimes,
): number {
  return Math.min(sinceAt + calmMs, Math.max(restlessAt + settleMaxMs, knownAt + settleMs));
}

/** Whether both are nobody, or the same node. */
export function isSameOwner(a: NodeId | undefined, b: NodeId | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sameNode(a, b));
}
