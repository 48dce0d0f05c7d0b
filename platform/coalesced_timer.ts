/**
 * One timer for many deadlines. Whoever has a deadline says `by(time)`; when the earliest has come, everything is
 * looked through once. So no message needs a timer of its own.
 *
 * @module
 */
import type { Clock, Timer } from "./clock.ts";

/** What one look may cost: so many things a millisecond are looked through in a small part of it. */
const PER_MS = 500;

/** The rest that many things need: 20,000 are looked through 25 times a second at most, and end up to 40 ms late. */
export function restFor(things: number): number {
  return Math.max(1, things / PER_MS);
}

/** See the module's text. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: (now: number) => void;
  readonly #restMs: () => number;
  #timer: Timer | undefined;
  #at = Infinity;
  #rangAt = -Infinity;

  /**
   * @param ring looks everything through, and says `by` again for what is left
   * @param restMs from one ring to the next, at least: a look at much must not be taken for each of it
   */
  constructor(clock: Clock, ring: (now: number) => void, restMs: () => number = () => 1) {
    this.#clock = clock;
    this.#ring = ring;
    this.#restMs = restMs;
  }

  /** Rings at `time`, in the clock's milliseconds, or as soon after it as the rest allows. */
  by(time: number): void {
    if (time >= this.#at) return;
    this.#timer?.cancel();
    this.#at = time;
    const now = this.#clock.now();
    const dueAt = Math.max(time, this.#rangAt + this.#restMs());
    this.#timer = this.#clock.after(Math.max(1, dueAt - now), () => this.#fire());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }

  #fire(): void {
    this.#at = Infinity;
    this.#timer = undefined;
    this.#rangAt = this.#clock.now();
    this.#ring(this.#rangAt);
  }
}
