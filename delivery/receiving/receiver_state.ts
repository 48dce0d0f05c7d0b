/**
 * The owner's end of a link as a machine: which number of one sender is admitted next. Pure: no clock and no I/O;
 * `receiver_link.ts` admits, acknowledges and asks.
 *
 * Every envelope says which number is the lowest that its sender still keeps. What is below was acknowledged or given up: if it
 * is above the next number, that skips to it first.
 *
 * | the number of an envelope | verdict | then |
 * |---|---|---|
 * | is the next | `next` | it is admitted, and what was held behind it |
 * | is lower | `again` | it was admitted before: its end is said again, and it is acknowledged |
 * | is higher | `ahead` | it is held if there is room for it, and what is missing is asked for |
 *
 * The next number only rises. It is the row of the link table that moves with the shard.
 *
 * @module
 */

/** What an envelope is to its link. */
export type Verdict = "next" | "again" | "ahead";

/** See the module's text. `T` is what is held: an envelope. */
export class ReceiverState<T> {
  #expected: number;
  /** The lowest number that the sender keeps: what is below it was acknowledged. */
  #first = 0;
  readonly #held = new Map<number, T>();
  #gapAskedAt = -Infinity;

  constructor(expected: number) {
    this.#expected = expected;
  }

  /** The next number to admit. */
  get expected(): number {
    return this.#expected;
  }

  /** Everything up to here was admitted or refused. */
  get last(): number {
    return this.#expected - 1;
  }

  /** The lowest number that the sender keeps, as far as it has said. */
  get first(): number {
    return this.#first;
  }

  /** How many are held for a gap before them. */
  get held(): number {
    return this.#held.size;
  }

  /** Takes in which number is the lowest that the sender keeps. @returns whether the next number must skip to it */
  keeps(first: number): boolean {
    if (first > this.#first) this.#first = first;
    return first > this.#expected;
  }

  /** What an envelope of that number is. */
  judge(seq: number): Verdict {
    if (seq === this.#expected) return "next";
    return seq < this.#expected ? "again" : "ahead";
  }

  /** The next number is admitted. */
  admit(): void {
    this.#expected++;
  }

  /** What the sender gave up leaves no gap. @returns what was held of it, which is never admitted */
  skipTo(first: number): T[] {
    if (first <= this.#expected) return [];
    this.#expected = first;
    return [...this.#held.keys()].filter((seq) => seq < first).map((seq) => this.#unhold(seq) as T);
  }

  /** Holds what is ahead, unless it is held already. @returns whether it was not */
  hold(seq: number, what: T): boolean {
    if (this.#held.has(seq)) return false;
    this.#held.set(seq, what);
    return true;
  }

  /** Takes out what is held of the next number. */
  takeNext(): T | undefined {
    return this.#held.size === 0 ? undefined : this.#unhold(this.#expected);
  }

  /** Takes out all that is held. */
  drop(): T[] {
    return [...this.#held.keys()].map((seq) => this.#unhold(seq) as T);
  }

  #unhold(seq: number): T | undefined {
    const held = this.#held.get(seq);
    this.#held.delete(seq);
    return held;
  }

  /** Whether what is missing should be asked for now: no more than once in so many milliseconds. */
  asks(now: number, pauseMs: number): boolean {
    if (now - this.#gapAskedAt < pauseMs) return false;
    this.#gapAskedAt = now;
    return true;
  }
}
