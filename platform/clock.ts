/** Time, as everything in Baton sees it: a test replaces it by one that stands still until told. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin. Never compare between processes. */
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

/** The clock of this machine. */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    after: (delayMs, run) => {
      const id = setTimeout(run, Math.min(delayMs, DELAY_MAX_MS));
      return { cancel: () => clearTimeout(id) };
    },
    soon: (run) => void setImmediate(run),
  };
}
