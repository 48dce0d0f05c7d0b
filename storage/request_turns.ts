/**
 * Lets a bounded number of requests be on their way at once; the others wait for their turn, in order. A server that is asked
 * everything at once answers nothing in time, and is asked it all again.
 *
 * @module
 */

/** See the module's text. */
export class Turns {
  readonly #atOnce: number;
  #underWay = 0;
  /** In order; those before `#next` have had their turn. */
  #waiting: (() => void)[] = [];
  #next = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Does it as soon as it has a turn, and ends as it ends. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay < this.#atOnce) this.#underWay++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      this.#over();
    }
  }

  /** A turn is handed on, or given back. */
  #over(): void {
    const next = this.#waiting[this.#next];
    if (next === undefined) {
      this.#underWay--;
      return;
    }
    if (++this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    next();
  }
}
