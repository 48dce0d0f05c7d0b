/**
 * Removes the records of nodes that have been over for a long time, so that names which are never used again do not pile
 * up.
 *
 * A record may go only when nothing refers to it: while a shard's record names a node, as owner, target, or place of a
 * late actor, somebody may still have to prove that it is over. And a node whose record is gone must not come to life
 * again by writing it anew. So the highest counter of all removed incarnations is written down first, in a record of
 * its own that only grows. A new incarnation counts from above it, whatever its name. A node that finds its own record
 * missing and its counter not above it has been over for long: it is fenced (`cluster/lease/lease_driver.ts`).
 *
 * @module
 */
import { RecordsUnavailableError } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { keys } from "../../transport/subjects.ts";
import type { ClusterRecords } from "./cluster_records.ts";
import type { Membership } from "../membership.ts";
import { incarnationCount, nodeKey, type NodeId, type NodeRecord, type ShardRecord } from "./schemas.ts";
import type { Entry } from "./table.ts";
import { isFinal } from "../view.ts";

/** How long the records of nodes that are over are kept. */
export interface CleanerSettings {
  /** In milliseconds, from when this node first saw it over. Default 3,600,000: an hour. */
  readonly keepOverMs: number;
}

/** The defaults. */
export const CLEANER_DEFAULTS: CleanerSettings = { keepOverMs: 3_600_000 };

/** What a cleaner works with. */
export interface CleanerDeps extends CleanerSettings {
  readonly bucket: ClusterRecords;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: Log;
}

/** Looks this many times while a record is kept. */
const LOOKS = 10;

/** Who is named by a shard's record. */
export function namedBy({ owner, to, late }: ShardRecord): NodeId[] {
  const target = to === undefined || to === "bucket" ? [] : [to];
  return [owner, ...target, ...late.map(({ at }) => at)];
}

/**
 * Whether an incarnation is over and its record removed. Asks the store: a node of which nothing is known here may also
 * be one of which nothing has been heard yet.
 *
 * @throws {RecordsUnavailableError} if no answer comes
 */
export async function wasRemoved(bucket: ClusterRecords, { node, incarnation }: NodeId): Promise<boolean> {
  if (await bucket.nodes.refresh(keys.node(node))) return false;
  const retired = await bucket.retired.refresh(keys.retired);
  return incarnationCount(incarnation) <= (retired?.record.count ?? 0);
}

/** The cleaner of one node. Of all nodes that are up, the first by name does the work. */
export class Cleaner {
  readonly #deps: CleanerDeps;
  /** Since when a record has been seen over and unchanged, by its revision. */
  readonly #overSince = new Map<number, number>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: CleanerDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.after(this.#deps.keepOverMs / LOOKS, () => void this.#look());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    try {
      for (const entry of this.#due()) await this.#remove(entry);
    } catch (error) {
      if (!(error instanceof RecordsUnavailableError))
        this.#deps.log.error("A record cannot be removed", { error });
    } finally {
      if (!this.#stopped) this.start();
    }
  }

  /** All are counted from when they were seen first, also by a node that does not remove them now. */
  #due(): Entry<NodeRecord>[] {
    const { bucket, membership, clock, keepOverMs } = this.#deps;
    const now = clock.now();
    const over = [...bucket.nodes.entries()]
      .map(([, entry]) => entry)
      .filter(({ record }) => isFinal(record));
    const revisions = new Set(over.map(({ revision }) => revision));
    for (const revision of this.#overSince.keys())
      if (!revisions.has(revision)) this.#overSince.delete(revision);
    for (const { revision } of over) if (!this.#overSince.has(revision)) this.#overSince.set(revision, now);
    if (!membership.gate.isOpen || membership.view.upNodes[0]?.node !== membership.self.node) return [];
    const named = new Set<string>();
    for (const [, { record }] of bucket.shards.entries())
      for (const id of namedBy(record)) named.add(nodeKey(id));
    return over.filter(({ record, revision }) => {
      return now - (this.#overSince.get(revision) ?? now) >= keepOverMs && !named.has(nodeKey(record));
    });
  }

  async #remove({ record, revision }: Entry<NodeRecord>): Promise<void> {
    const { bucket, log } = this.#deps;
    const count = incarnationCount(record.incarnation);
    const patience = { giveUp: () => this.#stopped };
    for (;;) {
      const known = await bucket.retired.refresh(keys.retired);
      if (known && known.record.count >= count) break;
      const raised = known
        ? await bucket.retired.change(keys.retired, known, { count }, patience)
        : await bucket.retired.make(keys.retired, { count }, patience);
      if (raised.won) break;
    }
    if (this.#stopped) return;
    const removed = await bucket.nodes.remove(keys.node(record.node), revision);
    if (removed) log.info("The record of a node that is over is removed", { node: nodeKey(record) });
  }
}
