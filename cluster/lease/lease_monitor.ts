/**
 * Looks at the leases of the others, and declares dead whose has run out: `detector.ts` judges, the record decides.
 *
 * Driven by level: a death that could not be written is found again at the next look.
 *
 * @module
 */
import { RecordsUnavailableError } from "../../errors.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { keys } from "../../transport/subjects.ts";
import type { ClusterRecords } from "../records/cluster_records.ts";
import { Detector } from "./detector.ts";
import type { Gate } from "../gate.ts";
import type { LeaseTimes } from "./lease_times.ts";
import { PROTOCOL_VERSIONS } from "../protocol.ts";
import {
  incarnationCount,
  type NodeId,
  nodeId,
  nodeKey,
  type NodeRecord,
  sameNode,
} from "../records/schemas.ts";
import type { Entry } from "../records/table.ts";
import { isFinal } from "../view.ts";

/** What a death watch needs. */
export interface DeathWatchDeps {
  readonly bucket: ClusterRecords;
  readonly clock: Clock;
  readonly log: Log;
  readonly times: LeaseTimes;
  /** A node that may have no effects declares nobody dead. */
  readonly gate: Gate;
}

/** The watch of one node over all others. */
export class LeaseMonitor {
  readonly #deps: DeathWatchDeps;
  readonly #detector: Detector;
  readonly #dying = new Set<string>();
  #selfName: string | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: DeathWatchDeps) {
    this.#deps = deps;
    this.#detector = new Detector(deps.times);
  }

  /** Starts looking, several times per renewal. `selfName` is never judged. */
  start(selfName: string): void {
    this.#selfName = selfName;
    this.#look();
  }

  /** Looks no more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** A node's record has changed. */
  saw({ record, revision }: Entry<NodeRecord>): void {
    if (isFinal(record)) this.#detector.forget(record);
    else this.#detector.saw(record, revision, this.#deps.clock.now());
  }

  /** A renewal of the own lease is acknowledged. */
  renewed(): void {
    this.#detector.renewed(this.#deps.clock.now());
  }

  /**
   * Declares a node dead ahead of its lease, if its record is still at `revision` and this node may judge; tries for as
   * long as `holds`.
   */
  declare(id: NodeId, revision: number, holds: () => boolean): void {
    const mayGoOn = () => !this.#stopped && this.mayJudge && holds();
    if (this.#deps.bucket.nodes.get(keys.node(id.node))?.revision !== revision || !mayGoOn()) return;
    void this.#declareDead(
      id,
      () => !mayGoOn(),
      "NATS knows no connection of a node, and nor does any other",
    );
  }

  /** Whether this node may judge by the silence of others: see {@link Detector.mayJudge}. */
  get mayJudge(): boolean {
    return this.#deps.gate.isOpen && this.#detector.mayJudge(this.#deps.clock.now());
  }

  #look(): void {
    if (this.#stopped) return;
    this.#watchNamed();
    for (const id of this.#expired()) {
      const giveUp = () => !this.#expired().some((one) => sameNode(one, id));
      void this.#declareDead(id, giveUp, "A node's lease has run out");
    }
    this.#timer = this.#deps.clock.after(this.#deps.times.renewMs / 3, () => this.#look());
  }

  #expired(): NodeId[] {
    if (this.#stopped || !this.#deps.gate.isOpen) return [];
    return this.#detector.expired(this.#deps.clock.now()).filter((id) => id.node !== this.#selfName);
  }

  /**
   * An owner whose node has no record, or only that of an earlier incarnation, can prove nothing and be proven nothing:
   * the store has lost writes. It gets a lease's time to show itself.
   */
  #watchNamed(): void {
    const now = this.#deps.clock.now();
    for (const [, { record }] of this.#deps.bucket.shards.entries()) {
      if (this.#isUnlisted(record.owner)) this.#detector.saw(record.owner, 0, now);
      const { to } = record;
      if (to !== undefined && to !== "bucket" && this.#isUnlisted(to)) this.#detector.saw(to, 0, now);
    }
  }

  #isUnlisted(id: NodeId): boolean {
    const entry = this.#deps.bucket.nodes.get(keys.node(id.node));
    return !entry || incarnationCount(entry.record.incarnation) < incarnationCount(id.incarnation);
  }

  async #declareDead(id: NodeId, giveUp: () => boolean, why: string): Promise<void> {
    const { bucket, log } = this.#deps;
    const node = nodeKey(id);
    if (this.#dying.has(node)) return;
    this.#dying.add(node);
    try {
      const key = keys.node(id.node);
      const known = bucket.nodes.get(key);
      const dead = deadRecord(id, known?.record);
      const change = await bucket.nodes.change(key, known ?? bucket.nodes.mark(key), dead, { giveUp });
      if (change.won) log.warn(`${why}; it is declared dead`, { node });
    } catch (error) {
      if (!(error instanceof RecordsUnavailableError))
        log.error("A death cannot be written", { node, error });
    } finally {
      this.#dying.delete(node);
    }
  }
}

/** The record that says so; of a node without a record of its own it can say little else. */
function deadRecord(id: NodeId, known: NodeRecord | undefined): Omit<NodeRecord, "nonce"> {
  if (known && sameNode(known, id)) return { ...known, state: "dead" };
  const nothing = { kinds: [], weight: 0, protocol: PROTOCOL_VERSIONS, runtime: "unknown", renewal: 0 };
  return { ...nodeId(id), state: "dead", ...nothing };
}
