/**
 * Which shards are to be looked at when not all are: those that have changed, and those for which something is to be done as
 * soon as there is a place for it. Each look at all begins it anew.
 *
 * @module
 */
import { ShardMap } from "../cluster/shard_map.ts";

/** A shard by its kind and number. */
export interface ShardName {
  readonly kind: string;
  readonly shard: number;
}

/** See the module's text. */
export class Agenda {
  #changed = new ShardMap<ShardName>();
  /** By what they wait for, in the order in which they came. */
  readonly #lines = new Map<string, Set<ShardName>>();

  /** It has changed. */
  add(kind: string, shard: number): void {
    this.#changed.getOrMake(kind, shard, () => ({ kind, shard }));
  }

  /** What has changed; from then on nothing has. */
  takeChanged(): ShardName[] {
    const changed = [...this.#changed.values()];
    this.#changed = new ShardMap();
    return changed;
  }

  /** There was no place for what is to be done about it. */
  wait(line: string, kind: string, shard: number): void {
    const waiting = this.#lines.get(line);
    if (waiting) waiting.add({ kind, shard });
    else this.#lines.set(line, new Set([{ kind, shard }]));
  }

  /** Takes out of each line those for which there is a place. Whoever finds none after all may wait again. */
  admit(hasPlace: (line: string) => boolean, look: (kind: string, shard: number) => void): void {
    for (const [line, waiting] of this.#lines) {
      let left = waiting.size; // whoever comes back stands behind them
      for (const name of waiting) {
        if (left-- === 0 || !hasPlace(line)) break;
        waiting.delete(name);
        look(name.kind, name.shard);
      }
    }
  }

  clear(): void {
    this.#changed = new ShardMap();
    this.#lines.clear();
  }
}
