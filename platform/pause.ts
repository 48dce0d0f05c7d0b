/**
 * Pauses between attempts, and between looks at a condition.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/** How pauses grow: the first and the longest, in milliseconds. */
export interface Pauses {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * The pause after so many failed attempts, from 1: doubled each time, and then at random up to half less, so that many who
 * failed together do not come back together.
 */
export function pauseAfter(
  failures: number,
  { firstMs, longestMs }: Pauses,
  random: Pick<Random, "next">,
): number {
  return jittered(Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, DOUBLINGS_MAX)), random);
}

/** Beyond, the number alone would be too large to count with. */
const DOUBLINGS_MAX = 30;

/** Up to half less, at random. */
export function jittered(delayMs: number, random: Pick<Random, "next">): number {
  return delayMs * (0.5 + random.next() / 2);
}

/** Resolves after `delayMs`, or at once when the signal fires. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      timer.cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.after(delayMs, end);
    signal?.addEventListener("abort", end);
  });
}

/** Milliseconds between two looks at a condition that no one event tells of. */
const LOOK_MS = 5;

/**
 * Looks again and again whether a condition holds, until that time.
 *
 * @returns whether it holds
 */
export async function holdsBy(
  clock: Pick<Clock, "now" | "after">,
  until: number,
  holds: () => boolean,
): Promise<boolean> {
  while (!holds()) {
    if (clock.now() >= until) return false;
    await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
  }
  return true;
}
