/** Time, as everything in Baton sees it: a test replaces it by one that stands still until told. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin, less than one old. Never compare between processes. */
  now(): number;
  /** Milliseconds since 1970, for people to read; it may jump. */
  wall(): number;
  /**
   * Runs once after `delayMs` milliseconds (at least; 0 is the next turn of the event loop). More than 24 days, Infinity
   * among them, are counted as 24 days.
   */
  after(delayMs: number, run: () => void): Timer;
  /** Runs in the next turn of the event loop, after pending I/O had its chance. */
  soon(run: () => void): void;
}

/** A running timer. */
export interface Timer {
  /** Does nothing if it has run or was cancelled. */
  cancel(): void;
}

/** Longest time that the runtimes' timers can count, in milliseconds; they take anything longer for 1 ms. */
export const DELAY_MAX_MS = 2_147_483_647;

/**
 * Reads a clock once in a millisecond of another that is cheaper to read: who asks for each message pays for that one.
 *
 * A reading is less than a millisecond old, also after the process or the machine stood still, for then the other clock has moved on. If
 * that is set back, which millisecond it is decides: the chance to meet the very one of the latest reading is nearly none, and it lasts for
 * that one.
 */
export function oncePerMillisecond(read: () => number, wall: () => number): () => number {
  let at = Number.NaN;
  let reading = 0;
  return () => {
    const now = wall();
    if (now !== at) {
      at = now;
      reading = read();
    }
    return reading;
  };
}

/** The clock of this machine. */
export function systemClock(): Clock {
  return {
    now: oncePerMillisecond(
      () => performance.now(),
      () => Date.now(),
    ),
    wall: () => Date.now(),
    after: (delayMs, run) => {
      const id = setTimeout(run, Math.min(delayMs, DELAY_MAX_MS));
      return { cancel: () => clearTimeout(id) };
    },
    soon: (run) => void setImmediate(run),
  };
}
