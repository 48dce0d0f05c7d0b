/**
 * How much of something there may be on a node, whoever holds it: messages, or bytes. Who takes from a room gives back
 * exactly that.
 */
export class Quota {
  readonly max: number;
  #taken = 0;

  constructor(max: number) {
    this.max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Whether nothing more should be taken. */
  get isFull(): boolean {
    return this.#taken >= this.max;
  }

  /** Whether so much more is within the bound. */
  fits(amount: number): boolean {
    return this.#taken + amount <= this.max;
  }

  /** Takes, whether it fits or not: what was admitted elsewhere is counted and not refused. */
  take(amount: number): void {
    this.#taken += amount;
  }

  give(amount: number): void {
    this.#taken -= amount;
  }
}
