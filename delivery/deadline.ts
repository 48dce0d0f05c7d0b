/**
 * A deadline as it travels: in milliseconds that are left, 0 for none. So clocks of machines need not agree.
 *
 * @module
 */

/** The longest part of a tell's time that is kept for word of its end, in milliseconds. */
const WORD_MS = 250;

/** When a tell must be admitted, so that its sender may hear before its deadline that it was not. */
export function admitBy(deadlineAt: number, now: number): number {
  return deadlineAt - Math.min(WORD_MS, Math.max(0, deadlineAt - now) / 4);
}

/** What is left at `now`, at least 1. */
export function timeLeft(deadlineAt: number, now: number): number {
  return deadlineAt === Infinity ? 0 : Math.max(1, Math.ceil(deadlineAt - now));
}

/** The deadline, on this node's monotonic clock, of what has so much left when it comes. */
export function deadlineOf(remainingMs: number, now: number): number {
  return remainingMs === 0 ? Infinity : now + remainingMs;
}
