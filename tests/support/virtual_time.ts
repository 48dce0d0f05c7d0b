// Waiting in virtual time: a manual clock is moved on until something is so.
import type { ManualClock } from "../../testing/manual_clock.ts";

const WITHIN_MS = 60_000;
const STEP_MS = 5;

/** How a promise ended: its value, or the error that it rejected with. */
export interface Outcome<T> {
  readonly value?: T;
  readonly error?: Error & { readonly code?: string; readonly path?: string; readonly retryable?: boolean };
}

/** How long is waited, and in which steps, in milliseconds. Default 60,000 and 5. */
export interface Waiting {
  readonly withinMs?: number | undefined;
  readonly stepMs?: number | undefined;
}

/**
 * Moves time until the condition holds.
 *
 * @returns how long that took, in milliseconds
 * @throws {Error} past the time
 */
export async function untilTrue(
  clock: ManualClock,
  what: string,
  holds: () => boolean,
  { withinMs = WITHIN_MS, stepMs = STEP_MS }: Waiting = {},
): Promise<number> {
  const startedAt = clock.now();
  await clock.advance(0);
  while (!holds()) {
    if (clock.now() - startedAt > withinMs)
      throw new Error(`expected ${what} within ${withinMs} ms; seen: not so at ${clock.now()} ms`);
    await clock.advance(stepMs);
  }
  return clock.now() - startedAt;
}

/** Moves time until the promise ends, and tells how, as data. @throws {Error} past the time */
export async function untilOver<T>(
  clock: ManualClock,
  promise: Promise<T>,
  waiting: Waiting = {},
): Promise<Outcome<T>> {
  let outcome: Outcome<T> | undefined;
  promise.then(
    (value) => (outcome = { value }),
    (error: Error) => (outcome = { error }),
  );
  await untilTrue(clock, "an end", () => outcome !== undefined, waiting);
  return outcome as Outcome<T>;
}

/** Moves time until the promise ends; its value, or what it threw. @throws {Error} past the time */
export async function comesTo<T>(clock: ManualClock, promise: Promise<T>, waiting: Waiting = {}): Promise<T> {
  await untilOver(clock, promise, waiting);
  return await promise;
}
