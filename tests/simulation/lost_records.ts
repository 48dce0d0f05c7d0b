/** Records that are gone although their shards are served: a store that forgot its newest writes, or a mistaken hand. */
import type { ShardRecord } from "../../cluster/protocol.ts";
import type { Random } from "../../platform/random.ts";
import { storeKeys } from "../../storage/heads.ts";
import type { MemoryBucket } from "../../transport/memory_bucket.ts";
import type { RecordObserver } from "./record_observer.ts";
import { pick } from "./senders.ts";

/** Others may still try to claim a shard that was claimed just before, with what they read before that, in milliseconds. */
const REST_MS = 1_000;

/** See the module's text. */
export class LostRecords {
  readonly #records: MemoryBucket;
  readonly #stored: MemoryBucket;
  readonly #observer: RecordObserver;
  readonly #decoder = new TextDecoder();

  constructor(records: MemoryBucket, stored: MemoryBucket, observer: RecordObserver) {
    this.#records = records;
    this.#stored = stored;
    this.#observer = observer;
  }

  /**
   * Removes the record of a shard of stored actors that is served in peace.
   *
   * @returns whether there was one
   */
  lose(random: Random): boolean {
    const able = [...this.#observer.shards].filter(
      ([key, record]) => this.#observer.restsForMs(key) > REST_MS && this.#isToldOf(key, record),
    );
    if (able.length === 0) return false;
    const [key] = pick(able, random);
    this.#records.write(this.#observer.keyInside(key), undefined, () => true);
    return true;
  }

  /**
   * Only the store can tell the next owner which epoch he must exceed, and only if something was stored under it. Of
   * late actors, and of a move, nothing but the record itself knows.
   */
  #isToldOf(key: string, { state, late, epoch }: ShardRecord): boolean {
    const [, kind = "", shard = ""] = key.split(".");
    const stamp = this.#stored.entry(storeKeys.epoch(kind, Number(shard)))?.value;
    if (stamp === undefined || state !== "owned" || late.length > 0) return false;
    return Number(this.#decoder.decode(stamp)) === epoch;
  }
}
