/**
 * When an actor that is kept alive is begun again, decided without a clock: at once if it has run for a while, and after growing pauses
 * if it ends again and again.
 *
 * @module
 */

/** How often one actor was begun in vain, and how it stands. Times are milliseconds on one clock. */
export type Attempt =
  /** It was begun then. */
  | { readonly as: "begun"; readonly at: number; readonly failures: number }
  /** It has ended, and is not begun before. */
  | { readonly as: "ended"; readonly notBefore: number; readonly failures: number };

/** So long one has to run until what went before does not count any more, in milliseconds. */
export const CALM_MS = 10_000;

/** It is not there. @param pauseMs how long it is left alone after so many failures, from 1 */
export function whenMissing(
  attempt: Attempt | undefined,
  now: number,
  pauseMs: (failures: number) => number,
): Attempt {
  if (attempt === undefined) return { as: "ended", notBefore: now, failures: 0 };
  if (attempt.as === "ended") return attempt;
  const failures = now - attempt.at >= CALM_MS ? 1 : attempt.failures + 1;
  return { as: "ended", notBefore: now + pauseMs(failures), failures };
}

/** It is there. @returns `undefined` if nothing of it need be remembered */
export function whenThere(attempt: Attempt, now: number): Attempt | undefined {
  if (attempt.as === "ended") return undefined; // a message has begun it
  return now - attempt.at >= CALM_MS ? undefined : attempt;
}
