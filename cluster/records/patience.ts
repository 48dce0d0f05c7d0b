/**
 * How patiently a change of a record is repeated.
 *
 * @module
 */
import { RecordsUnavailableError } from "../../errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Pauses, pause, pauseAfter } from "../../platform/pause.ts";
import type { Random } from "../../platform/random.ts";
import type { Persistence } from "../../transport/compare_and_set.ts";
import { isRecordsError } from "../../transport/records.ts";

/** When to stop asking, and leave the outcome unknown. */
export interface Patience {
  /** Asked before each repetition. */
  readonly giveUp?: () => boolean;
  readonly signal?: AbortSignal;
}

/** Pause before the first repetition, and the longest, in milliseconds; doubled each time, and then at random less. */
const BACKOFF: Pauses = { firstMs: 50, longestMs: 1_000 };

/**
 * A change of that record is repeated as long as `patience` lasts. A refusal is repeated too: the records are what
 * everything here waits for, so whoever heals the store finds all that was asked of it done.
 */
export function persistence(
  key: string,
  { giveUp, signal }: Patience,
  clock: Clock,
  random: Random,
): Persistence {
  return {
    judge: (error) => (isRecordsError(error) ? "repeat" : "end"),
    async pause(tries, error) {
      await pause(clock, pauseAfter(tries, BACKOFF, random), signal);
      if (!signal?.aborted && !giveUp?.()) return;
      const words = `Cannot settle a change of "${key}": its outcome is unknown`;
      const said = error instanceof Error ? `${words}. ${error.message}` : words;
      throw new RecordsUnavailableError(said, { cause: error });
    },
  };
}
