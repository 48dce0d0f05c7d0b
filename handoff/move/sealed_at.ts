/**
 * When a shard or an actor was sealed, and what that means for timers that are stored: they go by the wall clock, also while
 * they lie in a park, and as over a crash. Those of actors in memory keep the time that was left.
 *
 * @module
 */
import type { TimerData } from "../../actors/state/timers.ts";
import type { PeerClocks } from "../../cluster/peer_clocks.ts";
import type { NodeId } from "../../cluster/records/schemas.ts";
import type { Clock } from "../../platform/clock.ts";
import { timeLeft } from "../../platform/wall_time.ts";
import type { MoveMessageOf } from "../wire/messages.ts";

/** See the module's text. */
export interface SealedAt {
  /** Where. */
  readonly node: NodeId;
  /** By the wall clock there, in milliseconds since 1970; `undefined` if a node of the release before has sealed it. */
  readonly wallMs: number | undefined;
  /** By how much the clock here is ahead of that one; `undefined` if it is not known. */
  readonly aheadMs: number | undefined;
}

/** As the node says that has sealed it. Call it when that has just come. */
export function sealedAtOf(
  { from, sealedWallMs, wallMs }: MoveMessageOf<"sealed"> | MoveMessageOf<"late">,
  clock: Clock,
): SealedAt {
  const aheadMs = wallMs === undefined ? undefined : clock.wall() - wallMs;
  return { node: from, wallMs: sealedWallMs, aheadMs };
}

/** Timers that were sealed then, by what is left of them now; below 0 for those that came due meanwhile. */
export function timersSince(
  { node, wallMs, aheadMs }: SealedAt,
  timers: readonly TimerData[],
  clock: Clock,
  clocks: Pick<PeerClocks, "disagree">,
): readonly TimerData[] {
  if (wallMs === undefined || timers.length === 0) return timers;
  const now = clock.wall();
  return timers.map((timer) => {
    const noted = { dueWallMs: wallMs + timer.remainingMs, notedWallMs: wallMs, aheadMs };
    const { leftMs, apartMs } = timeLeft(noted, now);
    if (apartMs !== 0) clocks.disagree(node, apartMs);
    return { ...timer, remainingMs: leftMs };
  });
}
