/**
 * An actor as it stands in a sealed shard: all that the next owner needs, and nothing that only lives here.
 *
 * @module
 */
import type { Mail } from "../activation/mail.ts";
import type { Snapshot } from "../state/snapshot.ts";
import type { TimerData } from "../state/timers.ts";

/** Where something lives: a node, in one of its lives. */
export interface Place {
  readonly node: string;
  readonly incarnation: string;
}

/** One actor of a sealed shard. */
export interface SealedActor {
  readonly name: string;
  /**
   * - `active`: it had an activation, or has mail only;
   * - `passive`: it slept; nothing waits;
   * - `late`: its state is still with a running handler at `at` and will follow; mail and timers are here;
   * - `quarantined`: nobody could read its state; it travels as it is, with the reason.
   */
  readonly status: "active" | "passive" | "late" | "quarantined";
  /** Absent when it never had a state. When late it holds only its memberships of groups; absent if it has none. */
  readonly snapshot: Snapshot | undefined;
  readonly timers: readonly TimerData[];
  /** Admitted and not yet handled, oldest first. */
  readonly backlog: readonly Mail[];
  readonly at?: Place | undefined;
  readonly reason?: string | undefined;
}

/** A sealed actor with nothing yet. */
export function bare(name: string, status: SealedActor["status"]): SealedActor {
  return { name, status, snapshot: undefined, timers: [], backlog: [] };
}
