/**
 * Runs what is ready, in turn: each activation gets a slice of messages, then goes to the back of the line. After
 * a burst the event loop gets its turn, so that no flood of local messages starves I/O and timers.
 *
 * Whoever schedules something may do so in an async context of its own, such as a request's. A drain runs for many: it
 * enters the clean context, once.
 *
 * @module
 */
import { inCleanContext } from "../../platform/async_context.ts";
import type { Clock } from "../../platform/clock.ts";

/** Something that can be given a slice of work. */
export interface Runnable {
  /** Works on at most `budget` messages. @returns how many, and by `schedule` it asks for more */
  runSlice(budget: number): number;
}

/** Messages an activation may handle before the next one has its turn. */
const SLICE = 32;
/** Messages after which the event loop gets its turn: answers leave while the rest is still being worked on. */
const BURST = 128;

/** The ready line of one node. */
export class Scheduler {
  readonly #clock: Clock;
  readonly #onDrain: () => void;
  readonly #onThrow: (error: unknown) => void;
  #ready: Runnable[] = [];
  #draining = false;
  #armed = false;
  #sinceYield = 0;
  readonly #drainNow = (): void => inCleanContext(this.#drain);
  readonly #drainAfterYield = (): void => {
    this.#sinceYield = 0;
    inCleanContext(this.#drain);
  };

  /**
   * @param onDrain told each time before what is ready is run
   * @param onThrow told what a slice threw, which none should: the others have their turn all the same
   */
  constructor(clock: Clock, onDrain: () => void = () => {}, onThrow: (error: unknown) => void = () => {}) {
    this.#clock = clock;
    this.#onDrain = onDrain;
    this.#onThrow = onThrow;
  }

  /** Puts a runnable at the end of the line. The caller sees to it that it stands there once. */
  schedule(runnable: Runnable): void {
    this.#ready.push(runnable);
    if (!this.#armed && !this.#draining) this.#arm();
  }

  #arm(): void {
    this.#armed = true;
    if (this.#sinceYield >= BURST) this.#clock.soon(this.#drainAfterYield);
    else queueMicrotask(this.#drainNow);
  }

  readonly #drain = (): void => {
    this.#armed = false;
    this.#draining = true;
    let next = 0;
    try {
      this.#onDrain();
      while (next < this.#ready.length && this.#sinceYield < BURST)
        this.#sinceYield += this.#slice(this.#ready[next++] as Runnable);
    } finally {
      this.#ready = next < this.#ready.length ? this.#ready.slice(next) : [];
      this.#draining = false;
      if (this.#ready.length > 0) this.#arm();
    }
  };

  #slice(runnable: Runnable): number {
    try {
      return runnable.runSlice(SLICE);
    } catch (error) {
      this.#onThrow(error);
      return 1;
    }
  }
}
