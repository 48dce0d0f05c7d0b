/**
 * A look at something that may change at any time, shared by all who ask for one meanwhile.
 *
 * Who only wants to know more than before joins the look under way. Who wants to know what is true since his question may
 * not: what that look has seen may be older. His begins when it has ended.
 */
export class SharedLook {
  readonly #look: () => Promise<void>;
  #underWay: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  get isUnderWay(): boolean {
    return this.#underWay !== undefined;
  }

  /** Joins the look under way, or begins one. Ends as it ends. */
  join(): Promise<void> {
    return this.#underWay ?? this.#begin();
  }

  /** A look that begins after this question. Ends as it ends, whatever the one before came to. */
  afresh(): Promise<void> {
    if (!this.#underWay) return this.#begin();
    this.#next ??= this.#underWay
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.join();
      });
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#underWay = this.#run();
    return this.#underWay;
  }

  /** By `await`: with `finally()` the runtimes take another number of turns, and a simulation would not repeat on the other. */
  async #run(): Promise<void> {
    try {
      await this.#look();
    } finally {
      this.#underWay = undefined;
    }
  }
}
