/**
 * How fast a link may go: the size of its window, and when it repeats what was not acknowledged. Pure but for chance.
 *
 * @module
 */
import type { Random } from "../../platform/random.ts";
import type { DeliverySettings } from "../settings.ts";

/** The settings that it goes by. */
export type CongestionSettings = Pick<
  DeliverySettings,
  "slowStart" | "windowMax" | "resendMinMs" | "resendMaxMs"
>;

/** See the module's text. */
export class Congestion {
  readonly #settings: CongestionSettings;
  readonly #random: Random;
  #limit: number;
  #roundTripMs = 0;
  #backoffMs = 0;
  #resendAt = Infinity;

  constructor(settings: CongestionSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
    this.#limit = settings.slowStart;
  }

  /** Messages that may be unacknowledged now. */
  get limit(): number {
    return Math.min(this.#limit, this.#settings.windowMax);
  }

  /** When to repeat; `Infinity` for never. */
  get resendAt(): number {
    return this.#resendAt;
  }

  /** A message was acknowledged at its first try, so many milliseconds after it was sent. */
  measured(ms: number): void {
    this.#roundTripMs = this.#roundTripMs === 0 ? ms : this.#roundTripMs * 0.875 + ms * 0.125;
  }

  /** Something was acknowledged: more may be on its way. */
  progressed(): void {
    this.#limit = Math.min(this.#settings.windowMax, this.#limit * 2);
    this.#backoffMs = 0;
  }

  /** Nothing was acknowledged in time. */
  timedOut(): void {
    this.#backoffMs *= 2;
    this.#limit = Math.max(this.#settings.slowStart, this.#limit >> 1);
  }

  /** The far end is another one. */
  restarted(): void {
    this.#backoffMs = 0;
    this.#limit = this.#settings.slowStart;
  }

  /** Plans the next repetition. @returns when */
  schedule(now: number): number {
    const { resendMinMs, resendMaxMs } = this.#settings;
    const base = Math.min(resendMaxMs, Math.max(resendMinMs, 4 * this.#roundTripMs));
    this.#backoffMs = Math.min(resendMaxMs, Math.max(base, this.#backoffMs));
    this.#resendAt = now + this.#backoffMs * (1 + this.#random.next() / 4);
    return this.#resendAt;
  }

  /** Nothing is unacknowledged. */
  rest(): void {
    this.#resendAt = Infinity;
  }
}
