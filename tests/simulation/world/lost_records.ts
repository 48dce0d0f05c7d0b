/**
 * What may happen to the records of a cluster: all are removed, or the one of a shard that is served, or they go back to
 * what they were at some time.
 */
import { recordCodec, type ShardRecord } from "../../../cluster/records/schemas.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { Random } from "../../../platform/random.ts";
import { storeKeys } from "../../../storage/records/heads.ts";
import type { History } from "../../../testing/history.ts";
import type { MemoryNetwork } from "../../../transport/memory/network.ts";
import type { BucketCopy, MemoryBucket } from "../../../transport/memory/bucket.ts";
import { bucketOf } from "../../../transport/subjects.ts";
import { bareKey } from "../../support/keys_inside.ts";
import type { Lives } from "./lives.ts";
import type { RecordObserver } from "./record_observer.ts";
import { pick } from "../workload/senders.ts";

/** How often a copy is made, in milliseconds. */
const COPY_EVERY_MS = 250;
/** Others may still try to claim a shard that was claimed just before, with what they read before that, in milliseconds. */
const REST_MS = 1_000;

export interface LostRecordsOptions {
  /** Of the cluster. */
  readonly name: string;
  readonly network: MemoryNetwork;
  readonly clock: Clock;
  readonly lives: Lives;
  readonly history: History;
  readonly observer: RecordObserver;
  readonly random: Random;
  readonly leaseMs: number;
  /** Whether there are stored actors. */
  readonly keepsStates: boolean;
}

interface Copy extends BucketCopy {
  readonly at: number;
}

/** See the module's text. */
export class LostRecords {
  readonly #options: LostRecordsOptions;
  readonly #copies: Copy[] = [];
  readonly #codec = recordCodec();
  readonly #decoder = new TextDecoder();

  constructor(options: LostRecordsOptions) {
    this.#options = options;
  }

  /** Removes all records and all that is parked. Makes empty buckets if `anew`; else whoever opens them next does. */
  wipe(anew: boolean): void {
    const { network, name, observer } = this.#options;
    for (const each of [bucketOf(name), `${bucketOf(name)}-parked`]) {
      const bucket = network.bucket(each);
      bucket.remove();
      if (anew) bucket.made();
    }
    observer.wiped();
  }

  /** Removes the record of a shard that is served in peace by stored actors, or that is just moving, if there is one. */
  loseOne(): void {
    const { observer, random } = this.#options;
    const able = [...observer.shards].filter(
      ([key, record]) =>
        isMoving(record) || (observer.restsForMs(key) > REST_MS && this.#isToldOf(key, record)),
    );
    if (able.length === 0) return;
    const moving = able.filter(([, record]) => isMoving(record));
    const [key] = pick(moving.length > 0 ? moving : able, random);
    this.#bucket.write(observer.keyInside(key), undefined, () => true);
  }

  /**
   * Only the store can tell the next owner which epoch he must exceed, and only if something was stored under it. Of
   * late actors, and of a move, nothing but the record itself knows.
   */
  #isToldOf(key: string, { state, late, epoch }: ShardRecord): boolean {
    const { network, name } = this.#options;
    const [, kind = "", shard = ""] = key.split(".");
    const stored = network.bucket(`${bucketOf(name)}-stored`);
    const stamp = stored.entry(storeKeys.epoch(kind, Number(shard)))?.value;
    if (stamp === undefined || state !== "owned" || late.length > 0) return false;
    return Number(this.#decoder.decode(stamp)) === epoch;
  }

  /** Makes a copy from time to time. */
  keepCopies(): void {
    const { clock } = this.#options;
    const { revision, entries } = this.#bucket.copy();
    this.#copies.push({ revision, entries, at: clock.now() });
    clock.after(COPY_EVERY_MS, () => this.keepCopies());
  }

  /**
   * Goes back so far that each node that may have effects has lost a renewal, and to where those who are away have left:
   * no node can know of a loss of which it was never told. @returns whether there was such a copy, and somebody to notice
   */
  restore(): boolean {
    const { lives, observer, random } = this.#options;
    const copies = this.#copies.filter((copy) => this.#isWhole(copy) && this.#isOldEnough(copy));
    const copy = copies[Math.floor(random.next() * copies.length)];
    if (copy === undefined || !lives.joined.some(({ isWell }) => isWell)) return false;
    this.#copies.splice(0);
    this.#bucket.restore(copy);
    const away = lives.joined.filter(({ isWell }) => !isWell);
    observer.restored(away.map(nameOf), lives.joined.map(nameOf));
    return true;
  }

  #isOldEnough({ at }: Copy): boolean {
    const { clock, lives, leaseMs } = this.#options;
    return (
      at <= clock.now() - leaseMs && lives.joined.every((each) => each.isWell || this.#isAway(each.name, at))
    );
  }

  /**
   * Whether a node was frozen or cut off by then, and is still. It takes up again what others had taken over in a time that
   * is lost now. Of stored actors that time is not lost, and nothing could tell apart what they had in each.
   */
  #isAway(name: string, since: number): boolean {
    if (this.#options.keepsStates) return false;
    return this.#options.history.disturbances.some(
      ({ what, node, from, to }) =>
        node === name && (what === "freeze" || what === "cut") && from <= since && to === Infinity,
    );
  }

  /** What is parked does not go back with the records, so what they know of it must not either. */
  #isWhole({ entries }: BucketCopy): boolean {
    const shards = entries.filter(({ key }) => bareKey(key).startsWith("shards."));
    return shards.length > 0 && shards.every(({ value }) => value === undefined || !this.#isParked(value));
  }

  #isParked(value: Uint8Array): boolean {
    const { state, to } = this.#codec.decodeShard(value);
    return state === "parked" || to === "bucket";
  }

  get #bucket(): MemoryBucket {
    const { network, name } = this.#options;
    return network.bucket(bucketOf(name));
  }
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

/** To another node: both ends know of it, and nothing but the record knows of late actors. */
function isMoving({ state, to, late }: ShardRecord): boolean {
  return state === "moving" && to !== "bucket" && late.length === 0;
}
