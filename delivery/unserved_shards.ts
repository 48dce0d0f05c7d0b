/**
 * Shards for which messages wait here, and that nobody who lives is known to own. The watch of the records tells when that
 * changes. Should it miss that one change, nothing else would: so whoever waits reads the record again, now and then.
 *
 * @module
 */
import type { Clock, Timer } from "../platform/clock.ts";

/** Records that are read in one go, at most: when a node with thousands of shards is lost, its heirs need the store more. */
const READ_MAX = 64;

/** One shard. */
interface Place {
  readonly kind: string;
  readonly shard: number;
}

/** What it works with. */
export interface UnservedShardsDeps {
  readonly clock: Clock;
  /** From one look to the next, in milliseconds. */
  readonly everyMs: number;
  /** The shards for which something waits and nobody is known. */
  waiting(): Iterable<Place>;
  /** Reads a record from the leader; not twice at once. */
  read(kind: string, shard: number): void;
}

/** See the module's text. A shard that is just being moved or claimed is left alone: it has to be found twice in a row. */
export class UnservedShards {
  readonly #deps: UnservedShardsDeps;
  /** Found at the look before. */
  #before: ReadonlySet<string> = new Set();
  /** Read lately; the others come first. */
  #read = new Set<string>();
  #timer: Timer;

  constructor(deps: UnservedShardsDeps) {
    this.#deps = deps;
    this.#timer = this.#arm();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #arm(): Timer {
    return this.#deps.clock.after(this.#deps.everyMs, () => {
      this.#timer = this.#arm();
      this.#look();
    });
  }

  #look(): void {
    const found = new Map<string, Place>();
    for (const place of this.#deps.waiting()) found.set(`${place.kind}/${place.shard}`, place);
    const due = [...found].filter(([key]) => this.#before.has(key) && !this.#read.has(key));
    const now = due.slice(0, READ_MAX);
    for (const [key, { kind, shard }] of now) {
      this.#read.add(key);
      this.#deps.read(kind, shard);
    }
    if (now.length === due.length) this.#read.clear(); // all had their turn
    this.#before = new Set(found.keys());
  }
}
