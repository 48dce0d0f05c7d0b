/**
 * How many things may begin in a time: so many a second, and a few at once after a rest.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** Seconds of rest after which no more may begin at once. */
const BURST_S = 0.1;

/** See the module's text. */
export class TokenBucket {
  readonly #clock: Pick<Clock, "now">;
  readonly #perSecond: number;
  readonly #most: number;
  #tokens: number;
  #at: number;

  /** @param perSecond above 0 */
  constructor(clock: Pick<Clock, "now">, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#most = Math.max(1, perSecond * BURST_S);
    this.#tokens = this.#most;
    this.#at = clock.now();
  }

  /** @returns whether one more may begin now: it is counted then */
  take(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Milliseconds until another one may; 0 if it may now. */
  get waitMs(): number {
    this.#fill();
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) * 1_000) / this.#perSecond);
  }

  #fill(): void {
    const now = this.#clock.now();
    const grown = ((now - this.#at) * this.#perSecond) / 1_000;
    this.#tokens = Math.min(this.#most, this.#tokens + grown);
    this.#at = now;
  }
}
