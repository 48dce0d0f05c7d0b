/**
 * What a further signal means. Pure: times in, decision out.
 *
 * Service managers and script runners signal whole groups, and a supervisor or a runner passes on what its child got
 * too. So signals that come close together are one wish; only a later one says "now".
 *
 * What counts is time in which a signal would have been heard. A process that is busy or frozen hears all that came
 * meanwhile at once, and cannot know when it was sent.
 *
 * @module
 */

/** For so many milliseconds a further signal is the same wish. */
export const SAME_WISH_MS = 2_000;
/** Pause between two looks at the clock, in milliseconds. */
export const LOOK_MS = 100;
/** The longest pause between two looks that counts in full. Of a longer one, nobody knows when it could be heard in. */
const HEARD_MAX_MS = 500;

/** A wish that was heard, and for how long a further one would have been heard since. */
export interface ShutdownWish {
  readonly heardMs: number;
  readonly lookedAt: number;
}

/** Leave in order; nothing new; end at once. */
export type SignalMeaning = "leave" | "same" | "at-once";

/** The wish that begins with the first signal. */
export function wishAt(now: number): ShutdownWish {
  return { heardMs: 0, lookedAt: now };
}

/** The wish after another look. */
export function lookedAgain(wish: ShutdownWish, now: number): ShutdownWish {
  const passedMs = Math.min(Math.max(0, now - wish.lookedAt), HEARD_MAX_MS);
  return { heardMs: wish.heardMs + passedMs, lookedAt: now };
}

/** What a signal means that comes after this wish (`undefined`: none yet). */
export function meaningOf(wish: ShutdownWish | undefined): SignalMeaning {
  if (wish === undefined) return "leave";
  return wish.heardMs < SAME_WISH_MS ? "same" : "at-once";
}
