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

/** A quota that tells those who found it full, once each, when that is over. */
export class SoughtQuota<Seeker> extends Quota {
  readonly #seekers: Set<Seeker> = new Set();
  readonly #tell: (seeker: Seeker) => void;

  constructor(max: number, tell: (seeker: Seeker) => void) {
    super(max);
    this.#tell = tell;
  }

  seek(seeker: Seeker): void {
    this.#seekers.add(seeker);
  }

  forget(seeker: Seeker): void {
    this.#seekers.delete(seeker);
  }

  /** They are told in the order in which they asked: whoever finds no room asks again. */
  override give(amount: number): void {
    super.give(amount);
    if (this.#seekers.size === 0 || this.isFull) return;
    const seekers = [...this.#seekers];
    this.#seekers.clear();
    for (const seeker of seekers) this.#tell(seeker);
  }
}
