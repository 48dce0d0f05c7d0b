/**
 * Things by their numbers, where numbers rise and most things are soon gone again: a ring whose slots are found by the lowest
 * bits of the number.
 *
 * A `Map` does the same, but under such a churn it makes a new table every few entries, and in V8 the tables that it has
 * outgrown keep what they held alive until a full collection.
 *
 * @module
 */

/** Slots of a ring that holds anything at all. */
const SLOTS_MIN = 16;
/** A ring that has grown beyond these goes back to none when it is empty: a burst should not be paid for for ever. */
const SLOTS_KEPT = 512;
/** No number: numbers begin at 1. */
const FREE = 0;

/** See the module's text. What stays much longer than its neighbours is put aside, so that the ring can stay small. */
export class NumberRing<T> implements Iterable<T> {
  /** The number of what is in each slot. As many as `#items`: a power of two, or none. */
  #numbers: number[] = [];
  #items: (T | undefined)[] = [];
  #aside: Map<number, T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(number: number): T | undefined {
    if (this.#size === 0) return undefined;
    const slot = number & (this.#numbers.length - 1);
    return this.#numbers[slot] === number ? this.#items[slot] : this.#aside?.get(number);
  }

  /** @param number a whole one from 1 on. What has that number already is replaced. */
  set(number: number, item: T): void {
    if (this.#numbers.length === 0) this.#make(SLOTS_MIN);
    if (this.#aside?.has(number)) {
      this.#aside.set(number, item);
      return;
    }
    const slot = number & (this.#numbers.length - 1);
    const there = this.#numbers[slot];
    if (there !== FREE && there !== number) return this.#crowd(number, item, slot);
    if (there === FREE) this.#size++;
    this.#numbers[slot] = number;
    this.#items[slot] = item;
  }

  /** Another has the slot. A ring that is half full grows; in one that is not, the other has stayed for more than a round. */
  #crowd(number: number, item: T, slot: number): void {
    if (this.#size * 2 >= this.#numbers.length) {
      this.#grow();
      return this.set(number, item);
    }
    this.#aside ??= new Map();
    this.#aside.set(this.#numbers[slot] as number, this.#items[slot] as T);
    this.#numbers[slot] = number;
    this.#items[slot] = item;
    this.#size++;
  }

  #grow(): void {
    const entries = this.#entries();
    this.#make(this.#numbers.length * 2);
    for (const [number, item] of entries) this.set(number, item);
  }

  #make(slots: number): void {
    this.#numbers = new Array<number>(slots).fill(FREE);
    this.#items = new Array<T | undefined>(slots).fill(undefined);
    this.#aside = undefined;
    this.#size = 0;
  }

  /** @returns what was there */
  delete(number: number): T | undefined {
    const item = this.get(number);
    if (item === undefined) return undefined;
    const slot = number & (this.#numbers.length - 1);
    if (this.#numbers[slot] === number) {
      this.#numbers[slot] = FREE;
      this.#items[slot] = undefined;
    } else this.#aside?.delete(number);
    if (--this.#size === 0 && this.#numbers.length > SLOTS_KEPT) this.#make(0);
    return item;
  }

  /** All that are there now, the lowest number first: what happens meanwhile to the ring does not matter. */
  [Symbol.iterator](): Iterator<T> {
    return this.#entries()
      .map(([, item]) => item)
      .values();
  }

  #entries(): [number, T][] {
    const entries: [number, T][] = [...(this.#aside ?? [])];
    this.#numbers.forEach((number, slot) => {
      if (number !== FREE) entries.push([number, this.#items[slot] as T]);
    });
    return entries.sort(([one], [other]) => one - other);
  }
}
