/**
 * How a node leaves: it is nobody's target any more, gives its shards away, waits for its late actors and for what it
 * has sent, says that it is gone, and closes. All within a budget; the rest counts as a crash, and is reported.
 *
 * @module
 */
import { UnavailableError } from "../errors.ts";
import type { Membership } from "../cluster/membership.ts";
import { suitable } from "../cluster/placement/suitability.ts";
import type { HostedKind } from "../cluster/records/schemas.ts";
import type { ReplyKeeper } from "../delivery/receiving/reply_keeper.ts";
import type { Router } from "../delivery/router.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";
import { holdsBy } from "../platform/pause.ts";
import type { Coordinator } from "./coordinator.ts";

/** How a leave may go. */
export interface LeaveOptions {
  /** Milliseconds it may take. Default: the node's `leaveDeadlineMs`, 25,000. */
  readonly deadlineMs?: number;
}

/** How a leave went. */
export interface LeaveReport {
  /** Shards that have a new owner. */
  readonly moved: number;
  /** Shards in the state bucket, for the next node. */
  readonly parked: number;
  /** Actors that followed their shard later, because a handler was running. */
  readonly late: number;
  /** Actors whose handler did not end in time: they begin again elsewhere, without their state. */
  readonly recovered: number;
  /** Shards that found no place in time: to the others this node has crashed with them. */
  readonly leftOver: number;
  /** What a store said no with, if that is why shards were left over before the time was up. */
  readonly refusal?: string;
  readonly durationMs: number;
}

/** What a leave works with. */
export interface LeaveParts {
  readonly membership: Membership;
  readonly coordinator: Coordinator;
  readonly router: Router;
  readonly keeper: ReplyKeeper;
  readonly events: EventBus;
  readonly door: { leave(): void } | undefined;
  readonly subscriptions: { leave(): void };
}

/** Share of the budget after which handlers that still run are told to give up. */
const ABORT_AT = 0.8;
/** Milliseconds for the last words after the deadline. */
const GRACE_MS = 1_000;
/** Share of the budget for which a store may say no to all that is left: somebody may make room. */
const REFUSED_FOR = 0.25;

export async function leaveCluster(
  parts: LeaveParts,
  clock: Clock,
  deadlineMs: number,
): Promise<LeaveReport> {
  const { membership, coordinator, door, subscriptions, events, router } = parts;
  const startedAt = clock.now();
  const tally = { moved: 0, parked: 0, late: 0 };
  const stop = events.listen((event) => {
    if (event.type !== "shard-moved") return;
    if (event.to === "parked") tally.parked++;
    else tally.moved++;
    tally.late += event.lateActors;
  });
  const until = startedAt + deadlineMs;
  const refusal = new UnavailableError("Cannot send a message: this node is leaving");
  router.refuseOutsiders(refusal, untakenKinds(membership));
  const refused = () => {
    const mostMs = deadlineMs * REFUSED_FOR;
    return clock.now() < startedAt + mostMs ? undefined : refusalOf(parts, clock.now() - mostMs);
  };
  let isTold = false;
  void membership.setState("leaving").then(
    () => (isTold = true),
    () => (isTold = true),
  );
  await holdsBy(clock, until, () => isTold || refused() !== undefined);
  door?.leave();
  subscriptions.leave();
  coordinator.leave();
  await holdsBy(
    clock,
    startedAt + deadlineMs * ABORT_AT,
    () => coordinator.hasStopped || isEmpty(coordinator) || refused() !== undefined,
  );
  coordinator.hurry();
  router.refuseOutsiders(refusal);
  await holdsBy(
    clock,
    until,
    () => coordinator.hasStopped || (isEmpty(coordinator) && isQuiet(parts)) || refused() !== undefined,
  );
  const { shards, late } = coordinator.unfinished;
  const reason = refused();
  const graceEndsAt = clock.now() + GRACE_MS;
  await inTime(clock, reason ? graceEndsAt : Math.max(until, graceEndsAt), membership.setState("gone"));
  stop();
  return {
    ...tally,
    late: tally.late - late,
    recovered: late,
    leftOver: shards,
    ...(reason === undefined ? {} : { refusal: reason }),
    durationMs: clock.now() - startedAt,
  };
}

/** The kinds hosted here that no other node takes over: who calls one of them would wait for nobody. */
function untakenKinds({ self, view, living }: Membership): ReadonlySet<string> {
  const takers = living.filter(({ state }) => state === "up");
  const isTaken = (own: HostedKind) => {
    const hosts = takers.filter(({ kinds }) => kinds.some(({ kind }) => kind === own.kind));
    return (
      suitable(own.kind, hosts, (theirs) => theirs.stateVersion >= own.stateVersion).candidates.length > 0
    );
  };
  const own = view.get(self.node)?.kinds ?? [];
  return new Set(own.filter((hosted) => !isTaken(hosted)).map(({ kind }) => kind));
}

/** Why it makes no sense to wait: since then a store says no to all that is left. */
function refusalOf({ membership, coordinator }: LeaveParts, since: number): string | undefined {
  const { refusal } = membership;
  return refusal && refusal.since <= since ? refusal.reason : coordinator.refusalSince(since);
}

function isEmpty(coordinator: Coordinator): boolean {
  const { shards, moves, late } = coordinator.unfinished;
  return shards === 0 && moves === 0 && late === 0;
}

/** Everything it sent has ended, and everything it answered is confirmed. */
function isQuiet({ router, keeper }: LeaveParts): boolean {
  return router.unended === 0 && keeper.size === 0;
}

/** A store that does not answer must not keep a node from going. */
async function inTime(clock: Clock, until: number, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(Math.max(0, until - clock.now()), resolve);
  await Promise.race([work.catch(() => undefined), promise]);
  timer.cancel();
}
