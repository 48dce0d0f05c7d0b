/**
 * Runs what is ready, in turn: each activation gets a slice of messages, then goes to the back of the line. After
 * a burst the event loop gets its turn, so that no flood of local messages starves I/O and timers.
 *
 * @module
 */
import type { Clock } from "../platform/clock.ts";

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
  #ready: Runnable[] = [];
  #draining = false;
  #armed = false;
  #sinceYield = 0;
  readonly #drainNow = (): void => this.#drain();
  readonly #drainAfterYield = (): void => {
    this.#sinceYield = 0;
    this.#drain();
  };

  /** @param onDrain told each time before what is ready is run */
  constructor(clock: Clock, onDrain: () => void = () => {}) {
    this.#clock = clock;
    this.#onDrain = onDrain;
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

  #drain(): void {
    this.#armed = false;
    this.#draining = true;
    this.#onDrain();
    let next = 0;
    while (next < this.#ready.length && this.#sinceYield < BURST) {
      this.#sinceYield += (this.#ready[next++] as Runnable).runSlice(SLICE);
    }
    this.#ready = next < this.#ready.length ? this.#ready.slice(next) : [];
    this.#draining = false;
    if (this.#ready.length > 0) this.#arm();
  }
}
