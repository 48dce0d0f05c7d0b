/**
 * Repeating what may be repeated.
 *
 * @module
 */
import { AbortedError, type ActorError, isActorError } from "../../errors.ts";
import { type Clock, systemClock } from "../../platform/clock.ts";
import { pause, pauseAfter } from "../../platform/pause.ts";
import { type Random, systemRandom } from "../../platform/random.ts";

/** Settings of {@link retry}. */
export interface RetryOptions {
  /** How often it is tried at most. Default 5. */
  readonly attempts?: number;
  /** Milliseconds after which no further attempt begins. Default 30,000. */
  readonly withinMs?: number;
  /** The first pause and the longest, in milliseconds: doubled each time, then at random less. Default 50 and 2,000. */
  readonly pauseMs?: readonly [first: number, longest: number];
  /** Ends a pause: what was thrown last is thrown then. */
  readonly signal?: AbortSignal;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly random?: Random;
}

/**
 * Tries it until it succeeds, as long as what it throws says by `retryable` that the same call may be repeated: nothing is ever
 * handled twice because of it. Anything else is thrown at once. An error's `retryAfterMs` is waited for.
 *
 * @param work gets the number of the attempt, from 1
 * @throws what the last attempt threw
 * @example
 * const total = await retry(() => node.ref(Cart, "alice").total(), { attempts: 3 });
 */
export async function retry<T>(
  work: (attempt: number) => T | Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const { attempts = 5, withinMs = 30_000, pauseMs = [50, 2_000], signal } = options;
  const { clock = systemClock(), random = systemRandom() } = options;
  const [firstMs, longestMs] = pauseMs;
  const endsAt = clock.now() + withinMs;
  for (let attempt = 1; ; attempt++) {
    if (attempt === 1 && signal?.aborted)
      throw new AbortedError("Cannot begin: the signal of retry is aborted");
    try {
      return await work(attempt);
    } catch (error) {
      if (!mayRepeat(error) || attempt >= attempts) throw error;
      const ownMs = pauseAfter(attempt, { firstMs, longestMs }, random);
      const waitMs = Math.max(ownMs, error.retryAfterMs ?? 0);
      if (clock.now() + waitMs > endsAt) throw error;
      await pause(clock, waitMs, signal);
      if (signal?.aborted) throw error;
    }
  }
}

function mayRepeat(error: unknown): error is ActorError {
  return isActorError(error) && error.retryable;
}
