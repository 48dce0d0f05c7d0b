/**
 * How long to wait before a child is started again. Pure.
 *
 * @module
 */

/** Bounds of the wait, in milliseconds. */
export interface RestartTimes {
  /** Before the first restart, and after a child that has lived long. Default 100. */
  readonly minMs: number;
  /** The longest; also how long a child must have lived for the wait to be short again. Default 10,000. */
  readonly maxMs: number;
}

/** The wait after a child that lived for `livedMs`; `previousMs` is the wait before it was started, if any. */
export function restartDelayMs(
  previousMs: number | undefined,
  livedMs: number,
  { minMs, maxMs }: RestartTimes,
): number {
  if (previousMs === undefined || livedMs >= maxMs) return minMs;
  return Math.min(maxMs, Math.max(minMs, previousMs * 2));
}
