/**
 * The buckets of one life of a node: opened, and looked at from time to time, for somebody may remove them or change their
 * settings while they are used.
 *
 * @module
 */
import type { Clock, Timer } from "../platform/clock.ts";
import { type BucketCare, type KeptRecords, openKeptRecords } from "../transport/kept_records.ts";
import { bucketOf } from "../transport/subjects.ts";
import type { Connection } from "../transport/transport.ts";
import type { StoreName, StoreTroubles } from "./store_troubles.ts";

/** Its settings. */
export interface BucketSettings {
  /** Milliseconds between two looks at the buckets. Default 30,000. */
  readonly bucketCheckMs: number;
}

/** The defaults. */
export const BUCKET_DEFAULTS: BucketSettings = { bucketCheckMs: 30_000 };

/** What they are made from. */
export interface BucketsDeps extends BucketSettings {
  readonly cluster: string;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly troubles: StoreTroubles;
}

/** By what each holds: see {@link BucketCare}. */
const BUCKETS: Readonly<Record<StoreName, { readonly suffix: string; readonly care: BucketCare }>> = {
  records: { suffix: "", care: "tell" },
  parked: { suffix: "-parked", care: "make-again" },
  stored: { suffix: "-stored", care: "refuse" },
};

/** See the module's text. */
export class Buckets {
  readonly #deps: BucketsDeps;
  readonly #open: KeptRecords[] = [];
  #timer: Timer | undefined;

  constructor(deps: BucketsDeps) {
    this.#deps = deps;
  }

  /** Opens one, and makes it if it is missing. @throws as `Connection.records` does */
  async open(store: StoreName): Promise<KeptRecords> {
    const { cluster, connection, clock, troubles } = this.#deps;
    const { suffix, care } = BUCKETS[store];
    const bucket = `${bucketOf(cluster)}${suffix}`;
    const records = await openKeptRecords({
      bucket,
      care,
      clock,
      open: () => connection.records(bucket),
      // what fails of stored actors is told where it is asked, whatever store they have
      onFailure: (error) => store !== "stored" && troubles.failed(store, error),
      onTrouble: (reason) => troubles.bucket(bucket, reason),
    });
    this.#open.push(records);
    return records;
  }

  /** Begins to look at those that are open. */
  start(): void {
    const { clock, bucketCheckMs } = this.#deps;
    this.#timer = clock.after(bucketCheckMs, () => {
      for (const records of this.#open) void records.look();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
