/**
 * Waiting for whoever had our name before. A node that was killed and restarted finds its own former record, still up;
 * so does a second process that was given a name in use by mistake. Only time tells them apart, unless the former process was
 * on this machine and has certainly ended: then nobody waits.
 *
 * @module
 */
import { ConfigurationError, RecordsUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { keys } from "../../transport/subjects.ts";
import type { ClusterRecords } from "../records/cluster_records.ts";
import { type LeaseTimes, outageMs } from "./lease_times.ts";
import type { NodeRecord } from "../records/schemas.ts";
import type { Entry, Mark } from "../records/table.ts";
import { pause } from "../../platform/pause.ts";
import type { Patience } from "../records/patience.ts";
import { isFinal } from "../view.ts";

/** What is known of the former holder between two looks. `undefined` before the first. */
export interface Watched {
  readonly incarnation: string;
  readonly revision: number;
  readonly changedAt: number;
  readonly lookedAt: number;
  readonly renewals: number;
}

/** What to do: take the name, give up, wait, or declare the former holder dead. */
export type Verdict = "free" | "in-use" | "wait" | "expired";

/** A renewal may have been on its way when its sender died; two prove life. */
const RENEWALS_OF_A_LIVING = 2;

/**
 * One look at the record, freshly read. One that leaves is waited for, however often it renews. After a pause between
 * looks in which nobody could write, the lease is counted anew.
 */
export function judge(
  watched: Watched | undefined,
  entry: Entry<NodeRecord> | undefined,
  now: number,
  times: LeaseTimes,
): readonly [Verdict, Watched | undefined] {
  if (!entry || isFinal(entry.record)) return ["free", undefined];
  const { record, revision } = entry;
  const fresh = { incarnation: record.incarnation, revision, changedAt: now, lookedAt: now };
  if (!watched) return ["wait", { ...fresh, renewals: 0 }];
  if (watched.incarnation !== record.incarnation) return ["in-use", undefined];
  if (watched.revision !== revision) {
    const renewals = record.state === "up" ? watched.renewals + 1 : 0;
    return [renewals >= RENEWALS_OF_A_LIVING ? "in-use" : "wait", { ...fresh, renewals }];
  }
  if (now - watched.lookedAt > outageMs(times)) return ["wait", { ...fresh, renewals: watched.renewals }];
  return [now - watched.changedAt >= times.leaseMs ? "expired" : "wait", { ...watched, lookedAt: now }];
}

/** What the waiting needs. */
export interface SuccessionDeps {
  readonly bucket: ClusterRecords;
  readonly clock: Clock;
  readonly times: LeaseTimes;
  /** When to stop waiting although the store does not answer. */
  readonly patience: Patience;
  /** Whether the process of a record's node has certainly ended. */
  readonly hasEnded: (record: NodeRecord) => boolean;
}

/** What a node that takes a name has found under it: the record of one that is over, or the mark of its removal, or nothing. */
export type Former = Entry<NodeRecord> | (Mark & { readonly record?: undefined }) | undefined;

/**
 * Waits until the name is free, and lets `write` take it; `former` is known to be over, whatever the record says. If another
 * write was faster, it waits again: that may be a living node's, or a late one of a life that nobody waits for any more,
 * such as the attempt before this. Only time tells them apart.
 *
 * @param write replaces what was found by the new incarnation's; false if it has changed meanwhile
 * @throws {ConfigurationError} if a living node has the name
 * @throws {RecordsUnavailableError} if `patience` ends before
 */
export async function takeName(
  name: string,
  former: string | undefined,
  deps: SuccessionDeps,
  write: (replaced: Former) => Promise<boolean>,
): Promise<void> {
  while (!(await write(await whenFree(name, former, deps)))) {
    if (deps.patience.giveUp?.()) throw holderUnknown(name);
  }
}

/** The record that may be replaced, once its holder is over. One whose lease runs out is declared dead. */
async function whenFree(name: string, former: string | undefined, deps: SuccessionDeps): Promise<Former> {
  const { bucket, clock, times, patience } = deps;
  for (let watched: Watched | undefined; ; ) {
    const entry = await look(name, deps);
    if (entry !== "unknown") {
      if (entry && entry.record.incarnation === former) return entry;
      if (entry && deps.hasEnded(entry.record)) return entry;
      const [verdict, next] = judge(watched, entry, clock.now(), times);
      watched = next;
      if (verdict === "free") return entry ?? bucket.nodes.mark(keys.node(name));
      if (verdict === "in-use") throw nameInUse(name, entry);
      if (verdict === "expired" && entry) {
        const dead = { ...entry.record, state: "dead" as const };
        await bucket.nodes.change(keys.node(name), entry, dead, patience);
        continue;
      }
    }
    await pause(clock, times.renewMs / 3, patience.signal);
    if (patience.signal?.aborted || patience.giveUp?.()) throw holderUnknown(name);
  }
}

function holderUnknown(name: string): RecordsUnavailableError {
  return new RecordsUnavailableError(`Cannot take the name "${name}": it is not known who holds it`);
}

function nameInUse(name: string, entry: Entry<NodeRecord> | undefined): ConfigurationError {
  const holder = entry
    ? `incarnation "${entry.record.incarnation}", on ${entry.record.runtime}`
    : "another node";
  return new ConfigurationError(`Cannot take the name "${name}": it is held by ${holder}`);
}

async function look(
  name: string,
  { bucket }: SuccessionDeps,
): Promise<Entry<NodeRecord> | undefined | "unknown"> {
  try {
    return await bucket.nodes.refresh(keys.node(name));
  } catch (error) {
    if (!(error instanceof RecordsUnavailableError)) throw error;
    return "unknown";
  }
}
