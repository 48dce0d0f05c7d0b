import type { Clock, Timer } from "../../platform/clock.ts";

/** How many entries run before the event loop gets its turn. */
const BATCH_MAX = 1024;

interface Entry {
  readonly dueMs: number;
  readonly run: () => void;
}

/**
 * Runs what is put in, in the order in which it was put in, each entry at the earliest after its delay and never inside
 * the call that put it in. Entries without a delay run together, without a turn for each. One that was delayed has a turn
 * of its own, with all that follows from it: else what two of them set off would be mixed by how many steps each runtime
 * takes to settle a promise, and a simulation would not be the same on every one.
 */
export class DelayQueue {
  readonly #clock: Clock;
  #entries: Entry[] = [];
  #next = 0;
  #timer: Timer | undefined;
  #armed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds an entry. An entry that throws is the fault of whoever put it in. */
  push(delayMs: number, run: () => void): void {
    this.#entries.push({ dueMs: delayMs > 0 ? this.#clock.now() + delayMs : 0, run });
    if (!this.#armed) this.#arm();
  }

  /** Drops what has not run. */
  clear(): void {
    if (this.#timer) {
      this.#timer.cancel();
      this.#timer = undefined;
      this.#armed = false;
    }
    this.#entries = [];
    this.#next = 0;
  }

  #arm(): void {
    const head = this.#entries[this.#next];
    if (head === undefined) return;
    this.#armed = true;
    const waitMs = head.dueMs === 0 ? 0 : head.dueMs - this.#clock.now();
    if (waitMs <= 0) this.#clock.soon(() => this.#drain());
    else this.#timer = this.#clock.after(waitMs, () => this.#drain());
  }

  #drain(): void {
    this.#timer = undefined;
    try {
      for (let count = 0; count < BATCH_MAX; count++) {
        const head = this.#entries[this.#next];
        if (head === undefined || (head.dueMs > 0 && head.dueMs > this.#clock.now())) break;
        this.#next++;
        head.run();
        if (head.dueMs > 0) break;
      }
    } finally {
      this.#compact();
      this.#armed = false;
      this.#arm();
    }
  }

  #compact(): void {
    if (this.#next === this.#entries.length) this.#entries = [];
    else this.#entries.splice(0, this.#next);
    this.#next = 0;
  }
}
