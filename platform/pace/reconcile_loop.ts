/**
 * When somebody looks who brings what is to what should be: at a steady beat, shortly after a change, and when something that is waited
 * for is due.
 *
 * @module
 */
import type { Clock, Timer } from "../clock.ts";

/** Milliseconds that changes are gathered before they are looked at. */
const GATHER_MS = 2;

/** See the module's text. */
export class ReconcileLoop {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #reconcile: (isAll: boolean) => void;
  #beat: Timer | undefined;
  #gather: Timer | undefined;
  #due: Timer | undefined;
  #dueAt: number = Infinity;
  /** Whether it was said since the last look that anything may have changed. */
  #isAll = false;
  #stopped = false;

  /** @param reconcile told whether to look at everything, or only at what has changed as far as it knows */
  constructor(clock: Clock, everyMs: number, reconcile: (isAll: boolean) => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#reconcile = reconcile;
  }

  start(): void {
    this.#armBeat();
    this.soon();
  }

  get hasStopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    this.#beat?.cancel();
    this.#gather?.cancel();
    this.#due?.cancel();
  }

  /** Looks at everything shortly. */
  soon(): void {
    this.#isAll = true;
    this.touch();
  }

  /** Looks shortly at what has changed. */
  touch(): void {
    if (this.#gather !== undefined || this.#stopped) return;
    this.#gather = this.#clock.after(GATHER_MS, () => {
      this.#gather = undefined;
      this.#look(this.#isAll);
    });
  }

  /** Looks at that time too, and not only at the next beat. */
  at(time: number): void {
    if (this.#stopped || time >= this.#dueAt) return;
    this.#due?.cancel();
    this.#dueAt = time;
    this.#due = this.#clock.after(Math.max(0, time - this.#clock.now()), () => {
      this.#dueAt = Infinity;
      this.soon();
    });
  }

  #armBeat(): void {
    this.#beat = this.#clock.after(this.#everyMs, () => {
      this.#look(true);
      if (!this.#stopped) this.#armBeat();
    });
  }

  #look(isAll: boolean): void {
    if (isAll) this.#isAll = false;
    this.#reconcile(isAll);
  }
}
