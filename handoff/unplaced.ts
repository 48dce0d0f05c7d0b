/**
 * Tells of shards that nobody may have: nodes host their kind, and none has the labels that it requires. Each is told once, and
 * found again and again, as long as that lasts.
 *
 * @module
 */
import type { Labels } from "../cluster/records/schemas.ts";
import type { EventBus } from "../events.ts";

/** See the module's text. */
export class Unplaced {
  readonly #events: EventBus;
  readonly #told = new Map<string, ReadonlySet<number>>();

  constructor(events: EventBus) {
    this.#events = events;
  }

  /** @param lacking what the kind requires, if that is what is missing; `shards`: those that nobody has */
  look(kind: string, lacking: Labels | undefined, shards: () => readonly number[]): void {
    if (lacking === undefined) return void this.#told.delete(kind);
    const all = shards();
    const told = this.#told.get(kind);
    const fresh = all.filter((shard) => told?.has(shard) !== true);
    this.#told.set(kind, new Set(all));
    if (fresh.length > 0)
      this.#events.emit({ type: "shards-unplaced", kind, shards: fresh, require: lacking });
  }
}
