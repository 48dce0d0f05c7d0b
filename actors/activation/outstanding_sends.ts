/**
 * What an activation has said and not heard the end of: as long as something is under way it is not idle, so that what
 * begins after it, here or elsewhere, cannot overtake its messages.
 *
 * @module
 */

/** See the module's text. */
export class OutstandingSends {
  readonly #onQuiet: () => void;
  #underWay = 0;
  #last: (() => void) | undefined;

  /** @param onQuiet called each time that nothing is under way any more */
  constructor(onQuiet: () => void) {
    this.#onQuiet = onQuiet;
  }

  get isQuiet(): boolean {
    return this.#underWay === 0;
  }

  /** Whether something waits for the quiet: nothing new shall begin. */
  get isClosing(): boolean {
    return this.#last !== undefined;
  }

  sent(): void {
    this.#underWay++;
  }

  settled(): void {
    this.#underWay--;
    if (this.#underWay > 0) return;
    const last = this.#last;
    this.#last = undefined;
    try {
      last?.();
    } finally {
      this.#onQuiet();
    }
  }

  /** Runs once nothing is under way; at once if nothing is. */
  whenQuiet(run: () => void): void {
    if (this.isQuiet) run();
    else this.#last = run;
  }
}
