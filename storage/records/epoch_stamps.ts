/**
 * The highest epoch under which an entry of a shard may have been written, in a bucket of records: one stamp for each
 * shard, raised before the first entry of an epoch. Whoever claims the shard takes a higher one, so that every entry
 * is of an epoch below its own, also where the ownership records have been lost or begin anew.
 *
 * @module
 */
import { amend } from "../../transport/compare_and_set.ts";
import type { Records } from "../../transport/records.ts";
import { storeKeys } from "./heads.ts";
import type { StoreWrite } from "../store.ts";

/** See the module's text. */
export class EpochStamps {
  readonly #records: Records;
  /** At least what the stamps say, by key. */
  readonly #known = new Map<string, number>();
  readonly #raising = new Map<string, Promise<void>>();
  readonly #encoder: TextEncoder = new TextEncoder();
  readonly #decoder: TextDecoder = new TextDecoder();

  constructor(records: Records) {
    this.#records = records;
  }

  async read(kind: string, shard: number): Promise<number> {
    return this.#epochOf((await this.#records.get(storeKeys.epoch(kind, shard)))?.value);
  }

  /** Resolves when the stamp says so much at least; at once if that is known. */
  async raise({ kind, shard, epoch }: Pick<StoreWrite, "kind" | "shard" | "epoch">): Promise<void> {
    const key = storeKeys.epoch(kind, shard);
    while ((this.#known.get(key) ?? 0) < epoch) {
      let raising = this.#raising.get(key);
      if (raising === undefined) this.#raising.set(key, (raising = this.#raise(key, epoch)));
      await raising;
    }
  }

  async #raise(key: string, epoch: number): Promise<void> {
    try {
      await this.#raised(key, epoch);
    } finally {
      this.#raising.delete(key);
    }
  }

  async #raised(key: string, epoch: number): Promise<void> {
    let now = 0;
    await amend(this.#records, key, (value) => {
      now = this.#epochOf(value);
      return now < epoch ? this.#encoder.encode(`${epoch}`) : undefined;
    });
    this.#known.set(key, Math.max(now, epoch));
  }

  #epochOf(value: Uint8Array | undefined): number {
    const epoch = value ? Number(this.#decoder.decode(value)) : 0;
    return Number.isSafeInteger(epoch) ? epoch : 0;
  }
}
