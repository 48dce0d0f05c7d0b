/**
 * Shards that somebody has put on a node by hand. Each pin is a record of its own beside the shard's: a shard's record is changed by its
 * owner and the other end of its move only, and they count on that.
 *
 * @module
 */
import { keys } from "../../transport/subjects.ts";
import type { ClusterRecords } from "../records/cluster_records.ts";
import type { Patience } from "../records/patience.ts";
import type { PinRecord } from "../records/schemas.ts";

/** Where a shard has to be, as long as that node can have it. */
export type Pin = Omit<PinRecord, "nonce">;

/** Whether it holds at that time, by the wall clock. */
export function isInForce({ until }: Pick<Pin, "until">, wall: number): boolean {
  return until === undefined || wall < until;
}

/** All pins, as far as this node has seen them. */
export class Pins {
  readonly #bucket: ClusterRecords;

  constructor(bucket: ClusterRecords) {
    this.#bucket = bucket;
  }

  /** The pin of a shard, in force or not. */
  of(kind: string, shard: number): Pin | undefined {
    const record = this.#bucket.pins.get(keys.pin(kind, shard))?.record;
    if (record === undefined) return undefined;
    const { nonce: _, ...pin } = record;
    return pin;
  }

  /** Calls back at each change. Returns a function that stops it. */
  onChange(listener: (kind: string, shard: number) => void): () => void {
    return this.#bucket.pins.onChange((key) => {
      const [, kind = "", index = ""] = key.split(".");
      listener(kind, Number(index));
    });
  }

  /**
   * Pins a shard, whatever its pin was.
   *
   * @throws {RecordsUnavailableError} if `patience` ends before the outcome is known
   */
  async put(kind: string, shard: number, pin: Pin, patience: Patience): Promise<void> {
    const { pins } = this.#bucket;
    const key = keys.pin(kind, shard);
    for (;;) {
      const change = await pins.change(key, pins.get(key) ?? pins.mark(key), pin, patience);
      if (change.won || patience.giveUp?.() === true) return;
    }
  }

  /**
   * Takes the pin of a shard away.
   *
   * @returns whether there was one
   * @throws {RecordsUnavailableError} if no answer comes
   */
  async remove(kind: string, shard: number): Promise<boolean> {
    const { pins } = this.#bucket;
    const key = keys.pin(kind, shard);
    for (let known = await pins.refresh(key); known !== undefined; known = await pins.refresh(key))
      if (await pins.remove(key, known.revision)) return true;
    return false;
  }
}
