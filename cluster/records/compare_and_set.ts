/**
 * A compare-and-set whose outcome is always known at the end.
 *
 * A change that got no answer may have been applied. So the very same change is repeated: either it is applied now, or
 * it conflicts, and then a read from the leader tells by the nonce whether the record is ours.
 *
 * @module
 */
import { RecordsUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Pauses, pause, pauseAfter } from "../../platform/pause.ts";
import type { Random } from "../../platform/random.ts";
import { type CasResult, isRecordsError, type RecordEntry, type Records } from "../../transport/records.ts";

/** When to stop asking, and leave the outcome unknown. */
export interface Patience {
  /** Asked before each repetition. */
  readonly giveUp?: () => boolean;
  readonly signal?: AbortSignal;
}

/** How a settled change ended. `entry` of a lost one is what the leader had: a record or a mark; `undefined` if neither. */
export type Settled =
  | { readonly won: true; readonly revision: number }
  | { readonly won: false; readonly entry: RecordEntry | undefined };

/** One change: `revision` is what the record, or the mark of its removal, must still be at; 0 if it must never have been. */
export interface Cas {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
  /** Tells by its nonce whether a value is that of this change. */
  isOwn(value: Uint8Array): boolean;
}

/** Pause before the first repetition, and the longest, in milliseconds; doubled each time, and then at random less. */
const BACKOFF: Pauses = { firstMs: 50, longestMs: 1_000 };

/** Carries changes through to a known outcome. */
export class CompareAndSet {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(records: Records, clock: Clock, random: Random) {
    this.#records = records;
    this.#clock = clock;
    this.#random = random;
  }

  /** One try, without settling. */
  attempt({ key, value, revision }: Omit<Cas, "isOwn">): Promise<CasResult> {
    if (revision === 0) return this.#records.create(key, value);
    return this.#records.update(key, value, revision);
  }

  /**
   * Repeats the change until its outcome is known. A refusal is repeated too: the records are what everything here waits
   * for, so whoever heals the store finds all that was asked of it done.
   *
   * @throws {RecordsUnavailableError} if `patience` ends first; the outcome is then unknown
   */
  async settle(cas: Cas, patience: Patience = {}): Promise<Settled> {
    let last: Error | undefined;
    for (let tries = 0; ; tries++) {
      try {
        const settled = await this.#once(cas);
        if (settled) return settled;
      } catch (error) {
        if (!isRecordsError(error)) throw error;
        last = error;
      }
      await this.#pause(tries, cas.key, patience, last);
    }
  }

  /** `undefined`: refused although nothing changed (a replicated store does that at times); worth another try. */
  async #once(cas: Cas): Promise<Settled | undefined> {
    const result = await this.attempt(cas);
    if (result.ok) return { won: true, revision: result.revision };
    const seen = await this.#records.get(cas.key);
    if (seen?.value && cas.isOwn(seen.value)) return { won: true, revision: seen.revision };
    return (seen?.revision ?? 0) === cas.revision ? undefined : { won: false, entry: seen };
  }

  async #pause(tries: number, key: string, patience: Patience, last: Error | undefined): Promise<void> {
    await pause(this.#clock, pauseAfter(tries + 1, BACKOFF, this.#random), patience.signal);
    if (!patience.signal?.aborted && !patience.giveUp?.()) return;
    const words = `Cannot settle a change of "${key}": its outcome is unknown`;
    throw new RecordsUnavailableError(last ? `${words}. ${last.message}` : words, { cause: last });
  }
}
