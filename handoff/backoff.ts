/**
 * How long a shard is left alone after something about it has failed: doubled each time, and never the same twice, so
 * that nodes that disagree do not meet again and again. What failed with one target delays nothing with another.
 *
 * @module
 */
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { HandoffSettings } from "./settings.ts";

interface Pause {
  readonly notBefore: number;
  readonly delayMs: number;
  /** With whom it failed; empty for what concerns nobody else. */
  readonly target: string;
}

/** See the module's text. Times are milliseconds on the clock. */
export class Backoff {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #settings: HandoffSettings;
  readonly #byKey = new Map<string, Pause>();

  constructor(clock: Clock, random: Random, settings: HandoffSettings) {
    this.#clock = clock;
    this.#random = random;
    this.#settings = settings;
  }

  /** Whether it may be tried. */
  isOver(key: string, target = ""): boolean {
    return (this.#of(key, target)?.notBefore ?? 0) <= this.#clock.now();
  }

  /** It failed. */
  more(key: string, target = ""): void {
    const { retryMinMs, retryMaxMs } = this.#settings;
    const former = this.#of(key, target)?.delayMs ?? retryMinMs / 2;
    const delayMs = Math.min(retryMaxMs, former * 2);
    this.#byKey.set(key, {
      target,
      delayMs,
      notBefore: this.#clock.now() + delayMs * (0.75 + this.#random.next() / 2),
    });
  }

  #of(key: string, target: string): Pause | undefined {
    const pause = this.#byKey.get(key);
    return pause?.target === target ? pause : undefined;
  }

  /** It went well. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }

  clear(): void {
    this.#byKey.clear();
  }
}
