/**
 * The highest epoch under which an entry of a shard may have been written, in a bucket of records: one stamp for each
 * shard, raised before the first entry of an epoch. Whoever claims the shard takes a higher one, so that every entry
 * is of an epoch below its own, also where the ownership records have been lost or begin anew.
 *
 * @module
 */
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
    return (await this.#get(storeKeys.epoch(kind, shard))).epoch;
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
    for (;;) {
      const { epoch: now, revision } = await this.#get(key);
      if (now < epoch) {
        const value = this.#encoder.encode(`${epoch}`);
        const { ok } =
          revision === undefined
            ? await this.#records.create(key, value)
            : await this.#records.update(key, value, revision);
        if (!ok) continue;
      }
      this.#known.set(key, Math.max(now, epoch));
      return;
    }
  }

  async #get(key: string): Promise<{ epoch: number; revision: number | undefined }> {
    const found = await this.#records.get(key);
    const epoch = found?.value ? Number(this.#decoder.decode(found.value)) : 0;
    return { epoch: Number.isSafeInteger(epoch) ? epoch : 0, revision: found?.revision };
  }
}
