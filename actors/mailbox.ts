/** Weighs what lies in all mailboxes of a node together. */
export interface Scales<T> {
  readonly isFull: boolean;
  add(item: T): void;
  remove(item: T): void;
}

/**
 * A bounded first-in, first-out queue in front of one activation.
 *
 * Unit: `capacity` counts messages. What came with a move is exempt from it: it was admitted once already.
 * Growth: a ring that doubles, so that an idle actor costs an empty array.
 */
export class Mailbox<T> {
  readonly #capacity: number;
  readonly #scales: Scales<T> | undefined;
  #ring: (T | undefined)[] = [];
  #head = 0;
  #size = 0;

  constructor(capacity: number, scales?: Scales<T>) {
    this.#capacity = capacity;
    this.#scales = scales;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether `capacity` messages wait, or all mailboxes of the node hold too many bytes. */
  get isFull(): boolean {
    return this.#size >= this.#capacity || (this.#scales?.isFull ?? false);
  }

  /** Appends, unless `capacity` messages wait, or all mailboxes hold too many bytes. @returns whether it was taken */
  offer(item: T): boolean {
    if (this.isFull) return false;
    this.push(item);
    return true;
  }

  /** Appends whatever the capacity is. */
  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size++;
    this.#scales?.add(item);
  }

  /** The oldest message, removed; `undefined` when none waits. */
  take(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    if (item !== undefined) this.#scales?.remove(item);
    return item;
  }

  /** What waits, oldest first, left in place. */
  rest(): T[] {
    return Array.from(
      { length: this.#size },
      (_, i) => this.#ring[(this.#head + i) & (this.#ring.length - 1)] as T,
    );
  }

  /** What waits, oldest first, removed. */
  clear(): T[] {
    const rest = this.rest();
    if (this.#scales) for (const item of rest) this.#scales.remove(item);
    this.#ring = [];
    this.#head = 0;
    this.#size = 0;
    return rest;
  }

  #grow(): void {
    const rest = this.rest();
    rest.length = Math.max(4, this.#ring.length * 2);
    this.#ring = rest;
    this.#head = 0;
  }
}
