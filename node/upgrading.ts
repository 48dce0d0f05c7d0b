/**
 * Other code for the actors of a node that goes on: what may follow what, and the order in which it happens.
 *
 * @module
 */
import type { Contract } from "../actors/contract.ts";
import { checkHosts, type Hosted, hostTable, type Registration } from "../actors/host.ts";
import { keepMark } from "../actors/supervision/keep.ts";
import { hostedKind } from "../cluster/node_info.ts";
import type { HostedKind } from "../cluster/records/schemas.ts";
import { AbortedError, ConfigurationError, NodeStoppedError, RecordsUnavailableError } from "../errors.ts";
import { type UpgradeReport, UpgradeRun } from "../handoff/upgrade/upgrades.ts";
import type { Clock } from "../platform/clock.ts";
import { holdsBy } from "../platform/pause.ts";
import type { Parts } from "./assemble.ts";

/** How an upgrade in place may go. */
export interface UpgradeOptions<Env = unknown> {
  /** Sets actors aside whose states cannot be upgraded, so that they do not keep their shard. Default: the shard is kept. */
  readonly force?: "quarantine";
  /** Milliseconds after which no further shard is begun: what is left is `kept`. Default 60,000. */
  readonly timeoutMs?: number;
  /** The same when it aborts. */
  readonly signal?: AbortSignal;
  /** What actors are made from, where `host()` was given a function. Default: what the node was started with. */
  readonly env?: Env;
}

/** What an upgrade works with. */
export type UpgradingParts = Pick<Parts, "membership" | "coordinator" | "events">;

const TIMEOUT_MS = 60_000;

/**
 * The registrations that are to follow those of a node.
 *
 * @throws {ConfigurationError} for a kind that is not hosted, a state version that goes back, or what cannot change
 */
export function following<Env>(
  hosts: readonly Hosted<Env>[],
  env: Env,
  hosted: ReadonlyMap<string, Registration>,
): ReadonlyMap<string, Registration> {
  checkHosts(hosts);
  if (hosts.length === 0) throw new ConfigurationError("Cannot upgrade a node: no kind is given");
  for (const { contract } of hosts) checkFollows(contract, hosted.get(contract.kind)?.contract);
  return hostTable(hosts, env);
}

/** What of a kind stands in records, or decides how its shards come and go. */
const FIXED = ["shards", "durability", "onMove"] as const;

function checkFollows(next: Contract, former: Contract | undefined): void {
  const { kind, stateVersion } = next;
  if (former === undefined)
    throw new ConfigurationError(`Cannot upgrade kind "${kind}": this node does not host it`);
  if (stateVersion < former.stateVersion)
    throw new ConfigurationError(
      `Cannot upgrade kind "${kind}" to stateVersion ${stateVersion}: it is ${former.stateVersion} here, and never goes back`,
    );
  for (const field of FIXED)
    if (next[field] !== former[field])
      throw new ConfigurationError(
        `Cannot upgrade kind "${kind}" with ${field} ${JSON.stringify(next[field])}: it is ${JSON.stringify(former[field])}, and cannot change in place`,
      );
}

/**
 * First everybody can see that this node reads the newer states, so that nothing goes from it to who does not; then its kinds are
 * hosted so, and what comes from now on has the new code; then each of its shards follows.
 *
 * @param hosted what the node hosts, which changes here
 * @throws {RecordsUnavailableError | AbortedError} if its record is not written in time: nothing has changed then
 * @throws {FencedError | NodeStoppedError} if the node ends before that is done
 */
export async function upgradeInPlace(
  { membership, coordinator, events }: UpgradingParts,
  hosted: Map<string, Registration>,
  next: ReadonlyMap<string, Registration>,
  { force, timeoutMs = TIMEOUT_MS, signal }: Omit<UpgradeOptions, "env">,
  clock: Clock,
): Promise<UpgradeReport> {
  const startedAt = clock.now();
  const until = startedAt + timeoutMs;
  const former = membership.view.get(membership.self.node)?.kinds ?? [];
  await announced({ membership, clock, until, signal }, former, followed(former, next));
  for (const [kind, registration] of next) hosted.set(kind, registration);
  const { upgrades } = coordinator;
  const run = new UpgradeRun(next.keys(), force === "quarantine", startedAt);
  upgrades.begin(run);
  const isOver = () => upgrades.isDone || coordinator.hasStopped || signal?.aborted === true;
  await holdsBy(clock, until, isOver);
  if (coordinator.hasStopped)
    throw new NodeStoppedError("Cannot tell what came of an upgrade: the node has ended meanwhile");
  upgrades.end(
    signal?.aborted ? "the upgrade was aborted" : `it did not have its turn within ${timeoutMs} ms`,
  );
  for (const [kind, { contract }] of next)
    events.emit({
      type: "kind-upgraded",
      ...{ kind, stateVersion: contract.stateVersion, upgraded: run.upgradedOf(kind) },
      kept: run.kept.filter((kept) => kept.kind === kind).length,
    });
  return run.report(clock.now());
}

function followed(
  former: readonly HostedKind[],
  next: ReadonlyMap<string, Registration>,
): readonly HostedKind[] {
  return former.map((known) => {
    const registration = next.get(known.kind);
    if (registration === undefined) return known;
    const kept = keepMark(registration.keep);
    return hostedKind({ ...registration.contract, ...(kept === undefined ? {} : { kept }) });
  });
}

interface Announcing extends Pick<UpgradingParts, "membership"> {
  readonly clock: Clock;
  readonly until: number;
  readonly signal: AbortSignal | undefined;
}

/** Resolves when the node's record says so. If it does not in time, it is to say what it said before. */
async function announced(
  { membership, clock, until, signal }: Announcing,
  former: readonly HostedKind[],
  kinds: readonly HostedKind[],
): Promise<void> {
  let end: { readonly error?: unknown } | undefined;
  membership.setKinds(kinds).then(
    () => (end = {}),
    (error: unknown) => (end = { error }),
  );
  await holdsBy(clock, until, () => end !== undefined || signal?.aborted === true);
  if (end === undefined) {
    membership.setKinds(former).catch(() => {}); // the node has ended: it says nothing any more
    throw signal?.aborted
      ? new AbortedError("Cannot upgrade: it was aborted before the node's record was written")
      : new RecordsUnavailableError("Cannot upgrade: the node's record was not written in time");
  }
  if ("error" in end) throw end.error;
}
