/**
 * Actors by the time when something of them is due, and the page of them that is wanted.
 *
 * @module
 */
import { compareNames } from "./names_in_order.ts";

/** Where one stands in the order. */
export interface DuePlace {
  /** In milliseconds since 1970. */
  readonly dueAt: number;
  readonly name: string;
}

/** Which of those are wanted. */
export interface DuePage {
  /** Only what stands behind it; `undefined` from the first on. */
  readonly after: DuePlace | undefined;
  /** Most of them, from 1. */
  readonly limit: number;
}

/** By their times; at the same time by their names. Below 0 if `a` comes first, above 0 if `b` does. */
export function compareDue(a: DuePlace, b: DuePlace): number {
  return a.dueAt - b.dueAt || compareNames(a.name, b.name);
}

/** The first of a page out of many that come in any order. It holds a few times the limit at most. */
export class FirstDue<T extends DuePlace> {
  readonly #page: DuePage;
  #found: T[] = [];
  /** None behind it is among the first; `undefined` until there are enough. */
  #last: T | undefined;

  constructor(page: DuePage) {
    this.#page = page;
  }

  offer(due: T): void {
    const { after, limit } = this.#page;
    if (after && compareDue(due, after) <= 0) return;
    if (this.#last && compareDue(due, this.#last) > 0) return;
    this.#found.push(due);
    if (this.#found.length >= limit + Math.max(limit, ROOM_MIN)) this.#cut();
  }

  /** In order. */
  end(): T[] {
    this.#cut();
    return this.#found;
  }

  #cut(): void {
    const { limit } = this.#page;
    this.#found.sort(compareDue);
    if (this.#found.length < limit) return;
    this.#found.length = limit;
    this.#last = this.#found[limit - 1];
  }
}

/** So many beyond the limit are collected before they are sorted again, at least. */
const ROOM_MIN = 1_024;
