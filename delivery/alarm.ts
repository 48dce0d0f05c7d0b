/**
 * One timer for many deadlines. Whoever has a deadline says `by(time)`; when the earliest has come, everything is
 * looked through once. So no message needs a timer of its own.
 *
 * @module
 */
import type { Clock, Timer } from "../platform/clock.ts";

/** See the module's text. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: (now: number) => void;
  #timer: Timer | undefined;
  #at = Infinity;

  /** @param ring looks everything through, and says `by` again for what is left */
  constructor(clock: Clock, ring: (now: number) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `time` at the latest, in the clock's milliseconds. */
  by(time: number): void {
    if (time >= this.#at) return;
    this.#timer?.cancel();
    this.#at = time;
    this.#timer = this.#clock.after(Math.max(1, time - this.#clock.now()), () => this.#fire());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }

  #fire(): void {
    this.#at = Infinity;
    this.#timer = undefined;
    this.#ring(this.#clock.now());
  }
}
