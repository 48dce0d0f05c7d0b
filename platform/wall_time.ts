/**
 * What is left of a time that somebody else has noted by his wall clock. Pure.
 *
 * A wall clock counts on while no process does, so it tells how much has passed over a crash or a park. But it is another
 * machine's. Where the two are known to disagree, what has passed is counted by the clock that noted it; and where time
 * would have to have run backwards, nobody knows what has passed, and all that was left then is left now.
 *
 * @module
 */

/** Clocks that are apart by more than this disagree, in milliseconds. */
export const CLOCKS_APART_MS = 2_000;

/** A due time, and what is known of the clock by which it was noted. All in milliseconds. */
export interface NotedTime {
  /** By the clock of whoever noted it. */
  readonly dueWallMs: number;
  /** When it was noted, by that clock; `undefined` if that was not noted. */
  readonly notedWallMs: number | undefined;
  /** By how much the clock here is ahead of that one; `undefined` if it is not known. */
  readonly aheadMs: number | undefined;
}

/** What is left of it. */
export interface TimeLeft {
  /** Below 0 if it is over. */
  readonly leftMs: number;
  /** By how much the clock here is ahead of the other, if they disagree; 0 otherwise. */
  readonly apartMs: number;
}

/** See the module's text. @param nowWallMs by the clock here */
export function timeLeft({ dueWallMs, notedWallMs, aheadMs = 0 }: NotedTime, nowWallMs: number): TimeLeft {
  const apartMs = areApart(aheadMs) ? aheadMs : 0;
  const nowThere = nowWallMs - apartMs;
  if (notedWallMs !== undefined && nowThere < notedWallMs - CLOCKS_APART_MS)
    return { leftMs: dueWallMs - notedWallMs, apartMs: nowThere - notedWallMs };
  return { leftMs: dueWallMs - nowThere, apartMs };
}

/** Whether clocks that differ by so much disagree. */
export function areApart(aheadMs: number): boolean {
  return Math.abs(aheadMs) > CLOCKS_APART_MS;
}
