/**
 * Many short waits over one timer: most requests are over long before their wait is, and need none of their own.
 *
 * @module
 */
import { CoalescedTimer } from "../platform/coalesced_timer.ts";
import type { Clock } from "../platform/clock.ts";

/** From one look at what waits to the next, at least; a wait may end so much late. */
const REST_MS = 50;

/** See the module's text. */
export class SharedTimers {
  readonly #clock: Clock;
  readonly #waits = new Set<{ readonly dueAt: number; run(): void }>();
  readonly #alarm: CoalescedTimer;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#alarm = new CoalescedTimer(
      clock,
      (now) => this.#look(now),
      () => REST_MS,
    );
  }

  /** Runs once after `delayMs`, unless the function that it returns is called before. */
  after(delayMs: number, run: () => void): () => void {
    const wait = { dueAt: this.#clock.now() + delayMs, run };
    this.#waits.add(wait);
    this.#alarm.by(wait.dueAt);
    return () => {
      this.#waits.delete(wait);
      if (this.#waits.size === 0) this.#alarm.stop();
    };
  }

  #look(now: number): void {
    for (const wait of [...this.#waits]) {
      if (wait.dueAt > now) this.#alarm.by(wait.dueAt);
      else if (this.#waits.delete(wait)) wait.run();
    }
  }
}
