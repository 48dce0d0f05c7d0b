/**
 * When a coordinator looks: at a steady beat, shortly after a change, and as soon as the view counts as settled.
 *
 * @module
 */
import type { Clock, Timer } from "../platform/clock.ts";
import type { HandoffSettings } from "./settings.ts";

/** Milliseconds that changes are gathered before they are looked at. */
const GATHER_MS = 2;

/** See the module's text. */
export class ReconcileLoop {
  readonly #clock: Clock;
  readonly #settings: HandoffSettings;
  readonly #reconcile: () => void;
  #viewAt: number;
  #beat: Timer | undefined;
  #gather: Timer | undefined;
  #settled: Timer[] = [];
  #stopped = false;

  constructor(clock: Clock, settings: HandoffSettings, reconcile: () => void) {
    this.#clock = clock;
    this.#settings = settings;
    this.#reconcile = reconcile;
    this.#viewAt = clock.now();
  }

  start(): void {
    this.#armBeat();
    this.#armSettled();
    this.soon();
  }

  get hasStopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    this.#beat?.cancel();
    this.#gather?.cancel();
    for (const timer of this.#settled) timer.cancel();
  }

  /** Looks shortly. */
  soon(): void {
    if (this.#gather !== undefined || this.#stopped) return;
    this.#gather = this.#clock.after(GATHER_MS, () => {
      this.#gather = undefined;
      this.#reconcile();
    });
  }

  /** The view is another one: it has to settle anew. */
  viewChanged(): void {
    this.#viewAt = this.#clock.now();
    this.#armSettled();
  }

  /** Whether the view has been the same for so many milliseconds. */
  isSettledFor(ms: number): boolean {
    return this.#clock.now() - this.#viewAt >= ms;
  }

  #armBeat(): void {
    this.#beat = this.#clock.after(this.#settings.reconcileMs, () => {
      this.#reconcile();
      if (!this.#stopped) this.#armBeat();
    });
  }

  /** Looks as soon as the view counts as settled, and not only at the next beat. */
  #armSettled(): void {
    if (this.#stopped) return;
    for (const timer of this.#settled) timer.cancel();
    const waitsMs = [this.#settings.claimSettleMs, this.#settings.settleMs];
    this.#settled = waitsMs.map((ms) => this.#clock.after(ms, () => this.soon()));
  }
}
