/**
 * What all actors of one node may use together.
 *
 * @module
 */

/** The bounds; see `Settings` for the defaults. */
export interface BudgetLimits {
  /** Activations on the node. */
  readonly activationsMax: number;
  /** Bytes of states of sleeping actors. */
  readonly sleepingBytesMax: number;
}

/** Counts against the bounds. What arrives by a move is counted and never refused: it was admitted once already. */
export class Budget {
  readonly #limits: BudgetLimits;
  #activations = 0;
  #sleepingBytes = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  get activations(): number {
    return this.#activations;
  }

  get sleepingBytes(): number {
    return this.#sleepingBytes;
  }

  mayActivate(): boolean {
    return this.#activations < this.#limits.activationsMax;
  }

  maySleep(): boolean {
    return this.#sleepingBytes < this.#limits.sleepingBytesMax;
  }

  activated(): void {
    this.#activations++;
  }

  ended(): void {
    this.#activations--;
  }

  slept(bytes: number): void {
    this.#sleepingBytes += bytes;
  }

  woke(bytes: number): void {
    this.#sleepingBytes -= bytes;
  }
}
