/**
 * Marks of the actors that have timers, in a bucket of records: who takes over a shard lists them and starts those actors.
 *
 * A mark is set before the write that sets an actor's first timer, and cleared after the one that has none, so it is
 * never missing. Setting one that is there writes it again, and who clears one has looked at it before its write: a
 * former owner that is still about to clear it must fail.
 *
 * @module
 */
import { amend } from "../../transport/compare_and_set.ts";
import type { RecordEntry, Records } from "../../transport/records.ts";
import { storeKeys } from "./heads.ts";
import type { StoreKey } from "../store.ts";

/** See the module's text. */
export class TimerMarks {
  readonly #records: Records;
  readonly #encoder: TextEncoder = new TextEncoder();
  readonly #decoder: TextDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(records: Records) {
    this.#records = records;
  }

  async set(key: StoreKey): Promise<void> {
    const at = storeKeys.mark(key);
    const value = this.#encoder.encode(key.name);
    if ((await this.#records.create(at, value)).ok) return;
    await amend(this.#records, at, () => value);
  }

  /** The mark as it is now, for {@link TimerMarks.clear}; `undefined` if there is none. */
  async look(key: StoreKey): Promise<number | undefined> {
    const found = await this.#records.get(storeKeys.mark(key));
    return found?.value && found.revision;
  }

  /** @param revision what was seen before the write after which it is cleared */
  async clear(key: StoreKey, revision: number | undefined): Promise<void> {
    if (revision !== undefined) await this.#records.remove(storeKeys.mark(key), revision);
  }

  /**
   * The marked actors of these shards. However many shards it is for, the server looks through all that the bucket holds
   * once, if it is an old one; so this asks once.
   */
  async list(kind: string, shards: ReadonlySet<number>): Promise<StoreKey[]> {
    const [first] = shards;
    if (first === undefined) return [];
    const below = shards.size === 1 ? storeKeys.marks(kind, first) : storeKeys.marks(kind);
    const found = new Map<string, StoreKey>();
    const onMark = ({ key, value }: RecordEntry) => {
      const shard = storeKeys.shardOfMark(key);
      if (value === undefined) found.delete(key);
      else if (shards.has(shard)) found.set(key, { kind, shard, name: this.#decoder.decode(value) });
    };
    const watch = await this.#records.watch(below, onMark, { once: true });
    watch.stop();
    return [...found.values()];
  }
}
