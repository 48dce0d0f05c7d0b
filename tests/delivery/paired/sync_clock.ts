// A clock that stands still until told, and does what is due at once: no turn of the event loop in between.
import type { Clock, Timer } from "../../../platform/clock.ts";

interface Waiting {
  readonly dueAt: number;
  readonly run: () => void;
}

export class SyncClock implements Clock {
  #nowMs = 0;
  readonly #waiting = new Set<Waiting>();

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const waiting = { dueAt: this.#nowMs + delayMs, run };
    this.#waiting.add(waiting);
    return { cancel: () => void this.#waiting.delete(waiting) };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Moves on, and runs what is due on the way, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: Waiting | undefined;
      for (const waiting of this.#waiting)
        if (waiting.dueAt <= endMs && (next === undefined || waiting.dueAt < next.dueAt)) next = waiting;
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueAt);
      next.run();
    }
    this.#nowMs = endMs;
  }
}
