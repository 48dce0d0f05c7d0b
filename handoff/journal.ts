/**
 * The move journal: which shards this node gave away, why, and how long it took. Bounded; the oldest go first.
 *
 * @module
 */
import type { ShardMoved } from "../events.ts";

/** See the module's text. */
export class Journal {
  readonly #max: number;
  #entries: ShardMoved[] = [];
  /** Moves that ended well, and those that were kept, since the node started. */
  moved = 0;
  kept = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(entry: ShardMoved): void {
    this.moved++;
    this.#entries.push(entry);
    if (this.#entries.length > this.#max) this.#entries = this.#entries.slice(-this.#max);
  }

  get entries(): readonly ShardMoved[] {
    return this.#entries;
  }
}
