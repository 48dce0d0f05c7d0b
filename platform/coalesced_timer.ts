/**
 * One timer for many deadlines. Whoever has a deadline says `by(time)`; when the earliest has come, everything is
 * looked through once. So no message needs a timer of its own.
 *
 * @module
 */
import type { Clock, Timer } from "./clock.ts";

/** Throttle: at most so many entries are scanned for each millisecond between two scans. */
const PER_MS = 500;

/** The pause after a scan of so many entries: 20,000 are scanned 25 times a second at most, and end up to 40 ms late. */
export function restFor(things: number): number {
  return Math.max(1, things / PER_MS);
}

/** See the module's text. */
export class CoalescedTimer {
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
