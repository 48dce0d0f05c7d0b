/**
 * The changes of a shard's record by which a node comes to serve it without a living source: claim, adopt, restore; and
 * those by which it goes on serving it: the end of a move that nobody is making any more, and a record that is made anew.
 *
 * @module
 */
import type { Registration } from "../actors/host.ts";
import { givenUp } from "../actors/actor_errors.ts";
import { sameNode } from "../cluster/records/schemas.ts";
import { claimed, reclaimed, reinstated } from "../cluster/records/shard_changes.ts";
import { Shard } from "../delivery/receiving/shard.ts";
import type { ParkingPlace } from "./park/parking.ts";
import { isSuperseded } from "./plan.ts";
import type { HandoffDeps } from "./deps.ts";
import type { TimerRecovery } from "./timer_recovery.ts";

/** See the module's text. Each method tells whether this node won the record. */
export class Claims {
  readonly #deps: HandoffDeps;
  readonly #parking: ParkingPlace;
  readonly #recovery: TimerRecovery;

  constructor(deps: HandoffDeps, parking: ParkingPlace, recovery: TimerRecovery) {
    this.#deps = deps;
    this.#parking = parking;
    this.#recovery = recovery;
  }

  /** Takes a shard without its memory: nobody had it, or who had it is dead. */
  async claim(kind: string, shard: number): Promise<boolean> {
    const { self, ownership, membership, hosts, table, events, hasEnded } = this.#deps;
    const hosted = hosts.get(kind);
    if (!hosted) return false;
    const entry = ownership.entry(kind, shard);
    const removal = ownership.removal(kind, shard);
    const from = entry ?? ownership.mark(kind, shard);
    const above = Math.max(removal?.revision ?? 0, await this.#storedEpoch(hosted, shard));
    const next = claimed(entry?.record, self, (id) => membership.isOver(id), above);
    const change = await ownership.change(kind, shard, from, next, { giveUp: hasEnded });
    if (!change.won || hasEnded()) return change.won;
    const { epoch, late } = change.entry.record;
    const isFirst = entry === undefined && removal === undefined;
    const served = new Shard(this.#deps.shards, hosted, shard, epoch, !isFirst);
    served.relocation.install(
      late.map(({ name, at }) => {
        return {
          sealed: { name, status: "late", at, snapshot: undefined, timers: [], backlog: [] },
          content: undefined,
        };
      }),
    );
    this.#recovery.add(served);
    table.attach(served);
    events.emit({ type: "shard-owned", kind, shard, epoch, how: isFirst ? "first" : "claimed" });
    return true;
  }

  /** Whatever is stored of the shard's actors is of an epoch before the one that begins. */
  async #storedEpoch({ contract }: Registration, shard: number): Promise<number> {
    const { stored } = this.#deps;
    if (contract.durability !== "stored") return 0;
    return await stored.highestEpoch(contract.kind, shard);
  }

  async restore(kind: string, shard: number): Promise<boolean> {
    const { ownership, events } = this.#deps;
    const entry = ownership.entry(kind, shard);
    if (entry === undefined || !(await this.#parking.restore(kind, shard, entry))) return false;
    events.emit({ type: "shard-owned", kind, shard, epoch: entry.record.epoch + 1, how: "restored" });
    return true;
  }

  /**
   * Ends a move of this node that its record shows and nobody makes: a change that was given up was applied all the
   * same. Winning the record keeps its target from committing; what is served here goes on being served.
   */
  async reclaim(kind: string, shard: number): Promise<boolean> {
    const { ownership, hasEnded } = this.#deps;
    const entry = ownership.entry(kind, shard);
    if (entry?.record.state !== "moving") return true;
    const change = await ownership.change(kind, shard, entry, reclaimed(entry.record), { giveUp: hasEnded });
    return change.won;
  }

  /** Makes the record anew of a shard that is served here and whose record was removed. */
  async reinstate(kind: string, shard: number): Promise<boolean> {
    const { ownership, hasEnded } = this.#deps;
    const removed = ownership.removal(kind, shard)?.record;
    if (removed === undefined) return true;
    const from = ownership.mark(kind, shard);
    return (await ownership.change(kind, shard, from, reinstated(removed), { giveUp: hasEnded })).won;
  }

  /** Stops serving a shard that its record gives to somebody else. What waits here is refused, what runs speaks no more. */
  dropSuperseded(kind: string, shard: number): void {
    const { self, ownership, table } = this.#deps;
    const served = table.get(kind, shard);
    if (!served) return;
    const record = ownership.entry(kind, shard)?.record;
    if (!isSuperseded(self, served.epoch, record)) return;
    if (served.isRaising && record && sameNode(record.owner, self)) return; // its own change
    this.drop(served);
  }

  /** Stops serving a shard that is somebody else's. */
  drop(served: Shard): void {
    const { table, events } = this.#deps;
    const wasSealed = served.phase === "sealed";
    served.close();
    served.catalog.drop(givenUp(), wasSealed);
    table.detach(served);
    events.emit({ type: "shard-lost", kind: served.kind, shard: served.shard, epoch: served.epoch });
  }
}
