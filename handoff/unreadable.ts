/**
 * Tells of parked shards that no node here can read, each once: found again and again, for nobody is told when a release
 * is rolled back.
 *
 * @module
 */
import type { NodeRecord, ShardRecord } from "../cluster/records/schemas.ts";
import { howParked, readableHere } from "../delivery/calls/whereabouts.ts";
import type { EventBus } from "../events.ts";
import type { Clock } from "../platform/clock.ts";

/** Milliseconds between two events about one kind: shards are parked one after the other. */
const TELL_EVERY_MS = 1_000;

interface OfKind {
  /** The moves that parked what was told, by shard. */
  told: ReadonlyMap<number, string>;
  toldAt: number;
}

/** See the module's text. */
export class Unreadable {
  readonly #clock: Clock;
  readonly #events: EventBus;
  readonly #byKind = new Map<string, OfKind>();

  constructor(clock: Clock, events: EventBus) {
    this.#clock = clock;
    this.#events = events;
  }

  /** @param parked all records of the kind that are, by shard; `hosts`: the nodes that are up and host it */
  look(kind: string, parked: ReadonlyMap<number, ShardRecord>, hosts: readonly NodeRecord[]): void {
    const known = this.#byKind.get(kind);
    const readable = readableHere(kind, hosts);
    if (readable === undefined || (parked.size === 0 && known === undefined)) return;
    const all = [...parked].filter(([, record]) => versionOf(record) > readable);
    const fresh = all.filter(([shard, { moveId }]) => known?.told.get(shard) !== moveId);
    const now = this.#clock.now();
    if (all.length === 0) this.#byKind.delete(kind);
    if (fresh.length === 0 || (known && now - known.toldAt < TELL_EVERY_MS)) return;
    this.#byKind.set(kind, {
      told: new Map(all.map(([shard, { moveId = "" }]) => [shard, moveId])),
      toldAt: now,
    });
    const stateVersion = Math.max(...fresh.map(([, record]) => versionOf(record)));
    const shards = fresh.map(([shard]) => shard);
    const reason = howParked(kind, stateVersion, hosts);
    this.#events.emit({ type: "shards-unreadable", kind, shards, stateVersion, readable, reason });
  }
}

function versionOf({ parked }: ShardRecord): number {
  return parked?.stateVersion ?? 0;
}
