// Stores over memory, whose requests and answers a test may lose.
import { seededRandom } from "../../platform/random.ts";
import { Committer } from "../../storage/committer.ts";
import { recordsStore, type RecordsStoreOptions } from "../../storage/records/store.ts";
import type { Store, StoreKey, StoreWrite } from "../../storage/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { MemoryNetwork } from "../../transport/memory/network.ts";
import type { RecordFate, RecordOperation } from "../../transport/memory/records.ts";
import { comesTo } from "../support/virtual_time.ts";

export const KEY: StoreKey = { kind: "cart", shard: 3, name: "alice" };

/** Some stores on one bucket, in virtual time. */
export class StoreWorld {
  readonly clock: ManualClock = new ManualClock();
  /** What becomes of a request; every one is answered unless a test says otherwise. */
  fate: (operation: RecordOperation, key: string, client: string) => RecordFate = () => "answer";
  readonly network: MemoryNetwork = new MemoryNetwork({
    clock: this.clock,
    recordFilter: (client, operation, _bucket, key) => this.fate(operation, key, client),
  });
  mayWrite = true;
  /** What the store has said no to, or did not answer. */
  readonly failures: unknown[] = [];
  hasEnded = false;
  #nonces = 0;

  async store(client = "node", options: RecordsStoreOptions = { recordBytesMax: 65_536 }): Promise<Store> {
    return recordsStore(await this.network.connect(client).records("stored"), options);
  }

  committer(store: Store): Committer {
    const mayWrite = () => this.mayWrite;
    const hasEnded = () => this.hasEnded;
    const onFailure = (error: unknown) => void this.failures.push(error);
    return new Committer({
      store,
      clock: this.clock,
      random: seededRandom(1),
      mayWrite,
      hasEnded,
      onFailure,
    });
  }

  write(revision: number, bytes: Uint8Array, more: Partial<StoreWrite> = {}): StoreWrite {
    const nonce = `nonce${++this.#nonces}`;
    const rest = { epoch: 1, replacesBytes: 0, timers: false, hadTimers: false };
    return { ...KEY, revision, nonce, bytes, ...rest, ...more };
  }

  /** Keys of the bucket that begin so. */
  keys(prefix: string): string[] {
    const all = this.network.bucket("stored").entries();
    return all.flatMap(({ key, value }) => (value && key.startsWith(`${prefix}.`) ? [key] : []));
  }

  /** See {@link comesTo}. */
  ends<T>(promise: Promise<T>, withinMs?: number): Promise<T> {
    return comesTo(this.clock, promise, { withinMs, stepMs: 10 });
  }
}

export function bytesOf(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed + (i >>> 8)) & 255);
}

/** The same object, but for some of its methods. */
export function changed<T extends object>(target: T, methods: Partial<T>): T {
  const get = (_: T, name: string | symbol) => {
    const own = (methods as Record<string | symbol, unknown>)[name];
    const value = own ?? (target as Record<string | symbol, unknown>)[name];
    return typeof value === "function" && own === undefined ? value.bind(target) : value;
  };
  return new Proxy(target, { get });
}
