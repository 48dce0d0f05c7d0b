/**
 * Patterns of what has parts: lists, objects, maps and sets. Copies that they keep share what has not changed with those before,
 * and nobody changes them.
 *
 * @module
 */
import { isList, isPlain, isScalar, NO, type Pattern, type Plain, type Walk } from "./pattern.ts";

/** Whether there may be so many. */
export type Count = (count: number) => boolean;

/** A list of items that are all alike. */
export class ListOf implements Pattern {
  readonly isExact: boolean;
  readonly #item: Pattern;
  readonly #count: Count;

  constructor(item: Pattern, count: Count) {
    this.#item = item;
    this.#count = count;
    this.isExact = item.isExact;
  }

  fits(value: unknown): boolean {
    if (!isList(value) || !this.#count(value.length)) return false;
    const item = this.#item;
    for (let i = 0; i < value.length; i++) if (!item.fits(value[i])) return false;
    return true;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (!isList(value) || !this.#count(value.length)) return NO;
    const { length } = value;
    walk.itemsLeft -= length + 1;
    if (walk.itemsLeft < 0) return NO;
    const item = this.#item;
    const old = isList(before) ? before : NONE;
    let copy: unknown[] | undefined;
    for (let i = 0; i < length; i++) {
      const part = value[i];
      const was = i < old.length ? old[i] : NO;
      if (part === was && isScalar(part)) continue;
      const kept = item.keep(was, part, walk);
      if (kept === NO) return NO;
      if (Object.is(kept, was)) continue;
      copy ??= [...old];
      copy[i] = kept; // never more than one behind the last: no holes
    }
    if (copy === undefined && old === before && old.length === length) return old;
    copy ??= [...old];
    copy.length = length;
    return copy;
  }
}

const NONE: readonly unknown[] = Object.freeze([]);

/** A key that an object may have. */
export interface Field {
  readonly key: string;
  readonly pattern: Pattern;
  /** Whether it may be missing. */
  readonly isOptional: boolean;
}

/** What an object may have beside its fields. */
export interface Rest {
  readonly mayBe: (key: string) => boolean;
  readonly pattern: Pattern;
}

/** What holds of an object beside its fields. */
export interface ObjectOptions {
  /** Other keys; `undefined` if there may be none. */
  readonly rest: Rest | undefined;
  /** Whether the library refuses other keys as well, where there may be none, and whatever is no plain object. */
  readonly isStrict: boolean;
  /** Whether keys may come in another order than that of the fields, in which the library gives them back. */
  readonly anyOrder: boolean;
}

/** A plain object: keys that are known, and others if there may be any. */
export class ObjectOf implements Pattern {
  readonly isExact: boolean;
  readonly #keys: readonly string[];
  readonly #patterns: readonly Pattern[];
  readonly #isRequired: readonly boolean[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #required: number;
  readonly #rest: Rest | undefined;
  readonly #anyOrder: boolean;
  /** Whether all that fit have the same keys. */
  readonly #isFixed: boolean;

  constructor(fields: readonly Field[], { rest, isStrict, anyOrder }: ObjectOptions) {
    this.#keys = fields.map(({ key }) => key);
    this.#patterns = fields.map(({ pattern }) => pattern);
    this.#isRequired = fields.map(({ isOptional }) => !isOptional);
    this.#places = new Map(this.#keys.map((key, place) => [key, place]));
    this.#required = fields.filter(({ isOptional }) => !isOptional).length;
    this.#rest = rest;
    this.#anyOrder = anyOrder;
    this.#isFixed = rest === undefined && this.#required === fields.length;
    const parts = rest ? [...this.#patterns, rest.pattern] : this.#patterns;
    const keepsOrder = anyOrder || fields.length === 0;
    this.isExact = isStrict && keepsOrder && parts.every(({ isExact }) => isExact);
  }

  fits(value: unknown): boolean {
    if (!isPlain(value)) return false;
    const keys = this.#keys;
    let next = 0;
    let missing = this.#required;
    for (const key in value) {
      const place = key === keys[next] ? next : this.#place(key, next);
      if (place < 0 || !this.#at(place).fits(value[key])) return false;
      if (this.#isRequired[place]) missing--;
      next = place < keys.length ? place + 1 : place;
    }
    return missing === 0;
  }

  /** Where a key stands that is not the one at `next`; behind all others for one of the rest; -1 for one that may not be here. */
  #place(key: string, next: number): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known > next || this.#anyOrder ? known : -1;
    return this.#rest?.mayBe(key) && key !== "__proto__" && key.isWellFormed() ? this.#keys.length : -1;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (!isPlain(value) || (this.#rest && Object.getOwnPropertySymbols(value).length > 0)) return NO;
    const keys = this.#keys;
    const old = isPlain(before) ? before : EMPTY;
    let copy: Record<string, unknown> | undefined;
    let next = 0;
    let count = 0;
    let missing = this.#required;
    for (const key in value) {
      const place = key === keys[next] ? next : this.#place(key, next);
      if (place < 0) return NO;
      const part = value[key];
      if (part !== old[key] || !isScalar(part)) {
        const was = own(old, key);
        const kept = this.#at(place).keep(was, part, walk);
        if (kept === NO) return NO;
        if (!Object.is(kept, was)) {
          copy ??= { ...old };
          copy[key] = kept;
        }
      }
      if (this.#isRequired[place]) missing--;
      next = place < keys.length ? place + 1 : place;
      count++;
    }
    walk.itemsLeft -= 2 * count + 1;
    if (walk.itemsLeft < 0 || missing > 0 || (!this.#isFixed && this.#hides(value))) return NO;
    if (copy === undefined && old === before && this.#hasSize(old, count)) return old;
    copy ??= { ...old };
    if (!this.#hasSize(copy, count)) for (const key in copy) if (!shows(value, key)) delete copy[key];
    return copy;
  }

  /** Whether a key is there and does not show: no copy has it, but the library looks at it. */
  #hides(value: Plain): boolean {
    return this.#keys.some((key) => key in value && !shows(value, key));
  }

  /** Of an object that was kept: whether it has so many keys. */
  #hasSize(kept: Plain, count: number): boolean {
    return (this.#isFixed && kept !== EMPTY) || Object.keys(kept).length === count;
  }

  #at(place: number): Pattern {
    return this.#patterns[place] ?? (this.#rest as Rest).pattern;
  }
}

const EMPTY: Plain = Object.freeze({});

function shows(value: Plain, key: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(value, key);
}

/** What stands there; {@link NO} if nothing does. */
function own(plain: Plain, key: string): unknown {
  const part = plain[key];
  const isInherited = typeof part === "function" || (part === undefined && !Object.hasOwn(plain, key));
  return isInherited ? NO : part;
}

/** A map; the order of its entries counts. */
export class MapOf implements Pattern {
  readonly isExact: boolean;
  readonly #key: Pattern;
  readonly #item: Pattern;
  readonly #count: Count;

  constructor(key: Pattern, item: Pattern, count: Count) {
    this.#key = key;
    this.#item = item;
    this.#count = count;
    this.isExact = key.isExact && item.isExact;
  }

  fits(value: unknown): boolean {
    if (!isMap(value) || !this.#count(value.size)) return false;
    for (const [key, item] of value) if (!this.#key.fits(key) || !this.#item.fits(item)) return false;
    return true;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (!isMap(value) || !this.#count(value.size)) return NO;
    walk.itemsLeft -= 2 * value.size + 1;
    if (walk.itemsLeft < 0) return NO;
    const old = isMap(before) ? before.entries() : NONE.values();
    const copy = new Map<unknown, unknown>();
    let isSameMap = isMap(before) && before.size === value.size;
    for (const [key, item] of value) {
      const [keyWas, itemWas] = (old.next().value as [unknown, unknown] | undefined) ?? [NO, NO];
      const keptKey = this.#key.keep(keyWas, key, walk);
      const keptItem = this.#item.keep(itemWas, item, walk);
      if (keptKey === NO || keptItem === NO) return NO;
      isSameMap &&= Object.is(keptKey, keyWas) && Object.is(keptItem, itemWas);
      copy.set(keptKey, keptItem);
    }
    return isSameMap ? before : copy;
  }
}

function isMap(value: unknown): value is ReadonlyMap<unknown, unknown> {
  return value instanceof Map && Object.getPrototypeOf(value) === Map.prototype;
}

/** A set; the order of its items counts. */
export class SetOf implements Pattern {
  readonly isExact: boolean;
  readonly #item: Pattern;
  readonly #count: Count;

  constructor(item: Pattern, count: Count) {
    this.#item = item;
    this.#count = count;
    this.isExact = item.isExact;
  }

  fits(value: unknown): boolean {
    if (!isSet(value) || !this.#count(value.size)) return false;
    for (const item of value) if (!this.#item.fits(item)) return false;
    return true;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (!isSet(value) || !this.#count(value.size)) return NO;
    walk.itemsLeft -= value.size + 1;
    if (walk.itemsLeft < 0) return NO;
    const old = isSet(before) ? before.values() : NONE.values();
    const copy = new Set<unknown>();
    let isSameSet = isSet(before) && before.size === value.size;
    for (const item of value) {
      const { done, value: next } = old.next();
      const was = done ? NO : next;
      const kept = this.#item.keep(was, item, walk);
      if (kept === NO) return NO;
      isSameSet &&= Object.is(kept, was);
      copy.add(kept);
    }
    return isSameSet ? before : copy;
  }
}

function isSet(value: unknown): value is ReadonlySet<unknown> {
  return value instanceof Set && Object.getPrototypeOf(value) === Set.prototype;
}
