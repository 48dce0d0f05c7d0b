/**
 * Time for tests: it stands still until told, and everything that was due on the way happens in order.
 *
 * @module
 */
import { type Clock, systemClock, type Timer } from "../platform/clock.ts";

/** One waiting timer. `order` decides between timers of the same instant: first set, first run. */
interface Waiting {
  readonly dueAt: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Turns of the event loop without end mean that a program calls `soon` from `soon` for ever. */
const TURNS_MAX = 100_000;

/**
 * A clock that a test moves by hand.
 *
 * Units: milliseconds. Origin of `now` is 0; `wall` starts at `wallMs`, default 1,700,000,000,000.
 * Order: timers run by due time, then by the order in which they were set. Between two timers everything that is
 * ready (promises, callbacks given to `soon`) runs to its end, so a timer sees the consequences of the one before.
 *
 * @example Nothing happens before its time
 * const clock = new ManualClock();
 * clock.after(100, () => console.log("now"));
 * await clock.advance(99);  // silence
 * await clock.advance(1);   // "now"
 */
export class ManualClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #set = 0;
  #soon: (() => void)[] = [];
  readonly #timers: Waiting[] = [];
  readonly #real: Clock = systemClock();

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallOffsetMs = wallMs;
  }

  /** Milliseconds by which the clock has been advanced. */
  now(): number {
    return this.#nowMs;
  }

  /** Milliseconds since 1970, as this clock pretends. */
  wall(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  /** Runs once when the clock has been advanced by `delayMs`; not before the next `advance`, also for 0. */
  after(delayMs: number, run: () => void): Timer {
    const waiting: Waiting = { dueAt: this.#nowMs + Math.max(0, delayMs), order: this.#set++, run };
    insert(this.#timers, waiting);
    return {
      cancel: () => {
        waiting.run = undefined;
      },
    };
  }

  /** Runs in the next turn, which comes with the next `advance` or `settle`. */
  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** Milliseconds until the next timer, or `undefined` if none waits. */
  get nextInMs(): number | undefined {
    this.#dropCancelled();
    const next = this.#timers[0];
    return next && Math.max(0, next.dueAt - this.#nowMs);
  }

  /** Moves the wall clock alone, as a suspended machine or a person would. */
  shiftWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /**
   * Moves time on by `ms`, and runs what falls due on the way. `advance(0)` runs what is due now.
   *
   * @throws {RangeError} if `ms` is negative, or if what is ready never ends
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`Cannot advance a clock backwards: ${ms} ms is not from 0`);
    const until = this.#nowMs + ms;
    await this.settle();
    for (let next = this.#take(until); next; next = this.#take(until)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueAt);
      next.run?.();
      await this.settle();
    }
    this.#nowMs = until;
  }

  /** Lets everything that is ready run to its end, without moving time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      await new Promise<void>((resolve) => this.#real.soon(resolve));
      if (this.#soon.length === 0) return;
      const ready = this.#soon;
      this.#soon = [];
      for (const run of ready) run();
    }
    throw new RangeError(`Cannot settle: after ${TURNS_MAX} turns there is still something ready`);
  }

  #take(until: number): Waiting | undefined {
    this.#dropCancelled();
    const next = this.#timers[0];
    return next && next.dueAt <= until ? removeFirst(this.#timers) : undefined;
  }

  #dropCancelled(): void {
    while (this.#timers[0] && !this.#timers[0].run) removeFirst(this.#timers);
  }
}

function isBefore(a: Waiting, b: Waiting): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}

/** Insertion into a binary heap: simulations set a great many timers. */
function insert(heap: Waiting[], added: Waiting): void {
  let at = heap.push(added) - 1;
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt] as Waiting;
    if (!isBefore(added, parent)) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = added;
}

function removeFirst(heap: Waiting[]): Waiting | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (last !== undefined && heap.length > 0) sink(heap, last);
  return first;
}

function sink(heap: Waiting[], moved: Waiting): void {
  let at = 0;
  for (let childAt = 1; childAt < heap.length; childAt = 2 * at + 1) {
    const right = heap[childAt + 1];
    if (right && isBefore(right, heap[childAt] as Waiting)) childAt++;
    const child = heap[childAt] as Waiting;
    if (!isBefore(child, moved)) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = moved;
}
