/**
 * The time of one node over the one clock of a simulation, so that a node can be frozen, or killed without a word.
 *
 * @module
 */
import type { Clock, Timer } from "../platform/clock.ts";

/**
 * While frozen nothing of the node runs: no timer, no callback given to `soon`, and nothing that is given to `turn`,
 * which is what its network does with all that comes in. At the wake it all comes at once, one thing after the other,
 * in the order in which it would have come.
 *
 * A frozen process finds that time has passed. A suspended machine does not: its monotonic clock stood still, and only
 * the wall clock has gone on.
 */
export class NodeClock implements Clock {
  readonly #base: Clock;
  #state: "running" | "frozen" | "waking" | "killed" = "running";
  #backlog: (() => void)[] = [];
  /** Time that passed while the machine was suspended. */
  #behindMs = 0;
  /** A timer never sees a time before its own, which rounding would show to one who was suspended. */
  #atLeast = 0;
  #frozenAt = 0;
  #suspended = false;
  #wallAheadMs: number;

  /** @param wallAheadMs how far its wall clock is ahead of that of the simulation */
  constructor(base: Clock, wallAheadMs = 0) {
    this.#base = base;
    this.#wallAheadMs = wallAheadMs;
  }

  now(): number {
    return Math.max(this.#base.now() - this.#behindMs, this.#atLeast);
  }

  wall(): number {
    return this.#base.wall() + this.#wallAheadMs;
  }

  /** Sets the wall clock forward, or back, as a person or a time server would. */
  stepWall(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const dueAt = this.now() + Math.max(0, delayMs);
    let cancelled = false;
    let timer: Timer;
    const fire = () => {
      if (cancelled) return;
      const leftMs = dueAt - this.now();
      // a hair is rounding; more means that the time of a suspended machine stood still
      if (leftMs > 0.001) timer = this.#base.after(leftMs, () => this.turn(fire));
      else {
        this.#atLeast = Math.max(this.#atLeast, dueAt);
        run();
      }
    };
    timer = this.#base.after(delayMs, () => this.turn(fire));
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  soon(run: () => void): void {
    this.#base.soon(() => this.turn(run));
  }

  /** Runs something of the node: at once, or when it wakes. */
  turn(run: () => void): void {
    if (this.#state === "running") run();
    else if (this.#state !== "killed") this.#backlog.push(run);
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** @param suspended whether the machine sleeps, and not the process alone */
  freeze(suspended = false): void {
    if (this.#state === "killed" || this.#state === "frozen") return;
    this.#state = "frozen";
    this.#frozenAt = this.#base.now();
    this.#suspended = suspended;
  }

  wake(): void {
    if (this.#state !== "frozen") return;
    if (this.#suspended) this.#behindMs += this.#base.now() - this.#frozenAt;
    this.#state = "waking";
    this.#catchUp();
  }

  /** Nothing of the node ever runs again. */
  kill(): void {
    this.#state = "killed";
    this.#backlog = [];
  }

  /** One thing in each turn: its consequences come before the next. */
  #catchUp(): void {
    if (this.#state !== "waking") return;
    const next = this.#backlog.shift();
    if (next === undefined) {
      this.#state = "running";
      return;
    }
    next();
    this.#base.soon(() => this.#catchUp());
  }
}
