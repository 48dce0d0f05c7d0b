/**
 * The records of a bucket that is looked after: somebody may remove it, make another one of its name, or change its
 * settings while it is used.
 *
 * What follows depends on what it holds. A bucket for what is parked is made again: it may be empty. One that holds what
 * was acknowledged must not seem empty, so from then on it says no, until it is there again. The cluster's own is left to
 * whoever watches over the lease.
 *
 * @module
 */
import {
  type ActorError,
  ConfigurationError,
  PermissionError,
  RecordsRefusedError,
  RecordsUnavailableError,
} from "../errors.ts";
import type { Clock } from "../platform/clock.ts";
import { SharedLook } from "../platform/shared_look.ts";
import type { BucketCondition, CasResult, RecordEntry, Records, Watch, WatchOptions } from "./records.ts";

/** What is done about a bucket that is gone or another: it is made again, or opened; it is not used; or nothing. */
export type BucketCare = "make-again" | "refuse" | "tell";

/** What it works with. */
export interface KeptRecordsDeps {
  readonly bucket: string;
  readonly care: BucketCare;
  readonly clock: Clock;
  /** Opens the bucket, and makes it if it is missing. */
  open(): Promise<Records>;
  /** A request has failed. */
  onFailure(error: unknown): void;
  /** What is wrong with the bucket has changed: the reason for people, or that nothing is. */
  onTrouble(reason: string | undefined): void;
}

/** `causeCode` of what is refused because the bucket is gone or another: what was asked of it before is gone with it. */
export const BUCKET_GONE = "bucket-gone";

/** A bucket that is missing is gone when it was missing so long at every look: a server that was just started may not show it yet. */
const GONE_MS = 2_000;
/** From one look to the next that a failure causes, in milliseconds. */
const LOOK_EVERY_MS = 250;

/** Opens a bucket to look after. @throws as {@link KeptRecordsDeps.open} does */
export async function openKeptRecords(deps: KeptRecordsDeps): Promise<KeptRecords> {
  return new KeptRecords(await deps.open(), deps);
}

/** See the module's text. */
export class KeptRecords implements Records {
  readonly #deps: KeptRecordsDeps;
  #records: Records;
  #trouble: string | undefined;
  /** Whether there is a bucket, and it is the one that was opened. */
  #isOurs = true;
  /** Since when it is missing at every look. */
  #goneSince: number | undefined;
  /** Why it could not be opened again, and will not be before somebody has changed something. */
  #closed: ActorError | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  readonly #look: SharedLook = new SharedLook(() => this.#lookNow());

  constructor(records: Records, deps: KeptRecordsDeps) {
    this.#records = records;
    this.#deps = deps;
  }

  create(key: string, value: Uint8Array): Promise<CasResult> {
    return this.#ask("create", key, (records) => records.create(key, value), true);
  }

  update(key: string, value: Uint8Array, revision: number): Promise<CasResult> {
    return this.#ask("update", key, (records) => records.update(key, value, revision), true);
  }

  remove(key: string, revision?: number): Promise<CasResult> {
    return this.#ask("remove", key, (records) => records.remove(key, revision), true);
  }

  get(key: string): Promise<RecordEntry | undefined> {
    return this.#ask("get", key, (records) => records.get(key));
  }

  keys(prefix: string): Promise<readonly string[]> {
    return this.#ask("list", prefix, (records) => records.keys(prefix));
  }

  condition(): Promise<BucketCondition> {
    return this.#records.condition();
  }

  watch(prefix: string, onEntry: (entry: RecordEntry) => void, options?: WatchOptions): Promise<Watch> {
    return this.#ask("watch", prefix, (records) => records.watch(prefix, onEntry, options));
  }

  /** Looks at the bucket, and does what follows. Never rejects. */
  async look(): Promise<void> {
    await this.#look.join().catch(() => undefined);
  }

  /**
   * What was not found is not there only if this is still the bucket that was opened: so it is looked at once more, for
   * all who ask meanwhile together.
   *
   * @throws {RecordsRefusedError} if it is another, or gone
   * @throws {RecordsUnavailableError} if it does not answer, or is missing for so short a time that it may come back
   */
  async confirm(key: string): Promise<void> {
    await this.#look.afresh();
    this.#assertUsable("get", key, false);
    if (this.#goneSince === undefined) return;
    throw new RecordsUnavailableError(
      `Cannot get "${key}": the server does not show the bucket "${this.#deps.bucket}"`,
    );
  }

  async #ask<T>(
    what: string,
    key: string,
    work: (records: Records) => Promise<T>,
    writes = false,
  ): Promise<T> {
    this.#assertUsable(what, key, writes);
    const records = this.#records;
    try {
      return await work(records);
    } catch (error) {
      this.#deps.onFailure(error);
      if (!(error instanceof RecordsUnavailableError) || this.#deps.care === "tell") throw error;
      await this.#lookSoon();
      this.#assertUsable(what, key, writes);
      if (this.#records === records) throw this.#closed ?? error;
      return await work(this.#records);
    }
  }

  /** @throws {RecordsRefusedError} if what was acknowledged could be missing, or get lost */
  #assertUsable(what: string, key: string, writes: boolean): void {
    if (this.#deps.care !== "refuse" || this.#trouble === undefined || (this.#isOurs && !writes)) return;
    void this.#lookSoon();
    const detail = this.#isOurs ? {} : { causeCode: BUCKET_GONE };
    const error = new RecordsRefusedError(`Cannot ${what} "${key}": ${this.#trouble}`, detail);
    this.#deps.onFailure(error);
    throw error;
  }

  async #lookSoon(): Promise<void> {
    if (this.#look.isUnderWay || this.#deps.clock.now() - this.#lookedAt >= LOOK_EVERY_MS) await this.look();
  }

  async #lookNow(): Promise<void> {
    const { care, bucket } = this.#deps;
    const { is, unfit } = await this.#condition();
    if (is === "same") this.#closed = undefined;
    if (is === "gone" && care !== "tell" && !this.#isMissingForLong) return;
    if (is !== "same" && care === "make-again") return await this.#openAgain(is);
    this.#isOurs = is === "same" || care === "tell"; // of those, others tell
    if (!this.#isOurs) this.#say(`the bucket "${bucket}" ${WORDS[is]}`);
    else this.#say(unfit && `the bucket "${bucket}" has ${unfit}`);
  }

  async #condition(): Promise<BucketCondition> {
    const { clock } = this.#deps;
    this.#lookedAt = clock.now();
    try {
      const condition = await this.#records.condition();
      this.#goneSince = condition.is === "gone" ? (this.#goneSince ?? clock.now()) : undefined;
      return condition;
    } catch (error) {
      this.#goneSince = undefined; // it may be another server that does not show it yet
      throw error;
    }
  }

  get #isMissingForLong(): boolean {
    return this.#goneSince !== undefined && this.#deps.clock.now() - this.#goneSince >= GONE_MS;
  }

  async #openAgain(was: "gone" | "another"): Promise<void> {
    const { bucket } = this.#deps;
    try {
      this.#records = await this.#deps.open();
      this.#goneSince = undefined;
      this.#closed = undefined;
      this.#say(`the bucket "${bucket}" ${WORDS[was]}; it is used again, without what was in it`);
      this.#say(undefined);
    } catch (error) {
      const isFinal = error instanceof PermissionError || error instanceof ConfigurationError;
      this.#closed = isFinal ? new RecordsRefusedError(error.message, { cause: error }) : undefined;
      this.#say(`the bucket "${bucket}" ${WORDS[was]}${error instanceof Error ? `. ${error.message}` : ""}`);
    }
  }

  #say(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#deps.onTrouble(trouble);
  }
}

const WORDS = {
  same: "is there",
  gone: "is gone: somebody has removed it",
  another: "is another one: somebody has removed it, and made it anew",
} as const;
