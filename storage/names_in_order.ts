/**
 * Names in one order, whoever lists them, and the page of them that is wanted.
 *
 * The order is that of their code points, which is that of their bytes in UTF-8: a store may have them so already.
 *
 * @module
 */

/** Which names of a shard are wanted. */
export interface NamePage {
  /** Only names that begin with it; "" for all. */
  readonly prefix: string;
  /** Only names behind this one; `undefined` from the first on. */
  readonly after: string | undefined;
  /** Most names, from 1. */
  readonly limit: number;
}

/** Below 0 if `a` comes first, above 0 if `b` does. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return ranked(x) - ranked(y);
  }
  return a.length - b.length;
}

const SURROGATES_FROM = 0xd800;
const SURROGATES_TO = 0xe000;

/** Half of a character beyond the first 65,536 comes behind all that are whole. */
function ranked(unit: number): number {
  return unit >= SURROGATES_FROM && unit < SURROGATES_TO ? unit + 0x10000 : unit;
}

/**
 * The first names of a page out of many that come in any order. It holds a few times the limit at most, and no step of it
 * takes longer than to sort so many.
 */
export class FirstNames {
  readonly #page: NamePage;
  #names: string[] = [];
  /** No name behind it is among the first; `undefined` until there are enough. */
  #last: string | undefined;

  constructor(page: NamePage) {
    this.#page = page;
  }

  offer(name: string): void {
    const { prefix, after, limit } = this.#page;
    if (prefix !== "" && !name.startsWith(prefix)) return;
    if (after !== undefined && compareNames(name, after) <= 0) return;
    if (this.#last !== undefined && compareNames(name, this.#last) > 0) return;
    this.#names.push(name);
    if (this.#names.length >= limit + Math.max(limit, ROOM_MIN)) this.#cut();
  }

  /** In order, each once. */
  end(): string[] {
    this.#cut();
    return this.#names;
  }

  #cut(): void {
    const { limit } = this.#page;
    this.#names = this.#names.sort(compareNames).filter((name, i, all) => i === 0 || name !== all[i - 1]);
    if (this.#names.length < limit) return;
    this.#names.length = limit;
    this.#last = this.#names[limit - 1];
  }
}

/** Names beyond the limit that are collected before they are sorted again, at least. */
const ROOM_MIN = 1_024;
