/**
 * Patterns of what has parts: lists, objects, maps and sets. Copies that they keep share what has not changed with those before,
 * and nobody changes them.
 *
 * @module
 */
import { isList, isPlain, isScalar, NO, type Pattern, type Plain, type Walk } from "./pattern.ts";

/** Whether there may be so many. */
export type Count = (count: number) => boolean;

/** So many items that are all alike. */
abstract class ItemsOf implements Pattern {
  readonly isExact: boolean;
  readonly isPrimitive = false;
  protected readonly item: Pattern;
  /** The items, if of one of them it can be seen at a glance that it has not changed. */
  protected readonly flat: FixedObject | undefined;
  protected readonly count: Count;

  constructor(item: Pattern, count: Count) {
    this.item = item;
    this.flat = flatOf(item);
    this.count = count;
    this.isExact = item.isExact;
  }

  abstract fits(value: unknown): boolean;
  abstract keep(before: unknown, value: unknown, walk: Walk): unknown;
}

/** A list of items that are all alike. */
export class ListOf extends ItemsOf {
  fits(value: unknown): boolean {
    if (!isList(value) || !this.count(value.length)) return false;
    const { item } = this;
    for (let i = 0; i < value.length; i++) if (!item.fits(value[i])) return false;
    return true;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (!isList(value) || !this.count(value.length)) return NO;
    const { length } = value;
    walk.itemsLeft -= length + 1;
    if (walk.itemsLeft < 0) return NO;
    const { item, flat } = this;
    const old = before === NO ? NONE : (before as readonly unknown[]);
    let copy: unknown[] | undefined;
    for (let i = 0; i < length; i++) {
      const part = value[i];
      const was = i < old.length ? old[i] : NO;
      if (flat === undefined ? part === was && isScalar(part) : flat.isStill(was, part, walk)) continue;
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

/** How the library takes objects. */
export interface Order {
  /** Whether the library refuses other keys as well, where there may be none, and whatever is no plain object. */
  readonly isStrict: boolean;
  /** Whether keys may come in another order than that of the fields, in which the library gives them back. */
  readonly anyOrder: boolean;
}

/** What is told of the fields of an object by their patterns. */
function isExactObject(patterns: readonly Pattern[], { isStrict, anyOrder }: Order): boolean {
  const keepsOrder = anyOrder || patterns.length === 0;
  return isStrict && keepsOrder && patterns.every(({ isExact }) => isExact);
}

/** A plain object that always has the same keys. Most states, and what they hold most of, are such. */
export class FixedObject implements Pattern {
  readonly isExact: boolean;
  readonly isPrimitive = false;
  readonly #keys: readonly string[];
  readonly #patterns: readonly Pattern[];
  /** Where each key stands; `undefined` if they must come in their order. */
  readonly #places: ReadonlyMap<string, number> | undefined;
  /** What one counts of a walk. */
  readonly #items: number;
  /** Whether no field holds an object: then one that has not changed is known at a glance. */
  readonly isFlat: boolean;

  /** @param fields of which none is optional */
  constructor(fields: readonly Field[], order: Order) {
    this.#keys = fields.map(({ key }) => key);
    this.#patterns = fields.map(({ pattern }) => pattern);
    this.#places = order.anyOrder ? new Map(this.#keys.map((key, place) => [key, place])) : undefined;
    this.#items = 2 * fields.length + 1;
    this.isFlat = this.#patterns.every(({ isPrimitive }) => isPrimitive);
    this.isExact = isExactObject(this.#patterns, order);
  }

  fits(value: unknown): boolean {
    if (!isPlain(value)) return false;
    const keys = this.#keys;
    let seen = 0;
    for (const key in value) {
      const place = key === keys[seen] ? seen : this.#places?.get(key);
      if (place === undefined || !this.#patterns[place]?.fits(value[key])) return false;
      seen++;
    }
    return seen === keys.length;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (!isPlain(value)) return NO;
    walk.itemsLeft -= this.#items;
    if (walk.itemsLeft < 0) return NO;
    return before === NO ? this.#copy(value, walk) : this.#update(before as Plain, value, walk);
  }

  /**
   * Whether a value is certainly what was kept, if this one is flat; a no says nothing. This is most of the work for a large state of
   * small items of which few have changed.
   */
  isStill(before: unknown, value: unknown, walk: Walk): boolean {
    if (before === NO || typeof value !== "object" || value === null) return false;
    if (Object.getPrototypeOf(value) !== Object.prototype) return false;
    const keys = this.#keys;
    let seen = 0;
    for (const key in value) {
      if (key !== keys[seen] || (value as Plain)[key] !== (before as Plain)[key]) return false;
      seen++;
    }
    walk.itemsLeft -= this.#items;
    return seen === keys.length && walk.itemsLeft >= 0;
  }

  #copy(value: Plain, walk: Walk): unknown {
    const keys = this.#keys;
    const copy: Record<string, unknown> = {};
    let seen = 0;
    for (const key in value) {
      const place = key === keys[seen] ? seen : this.#places?.get(key);
      const kept = place === undefined ? NO : this.#patterns[place]?.keep(NO, value[key], walk);
      if (kept === NO) return NO;
      copy[key] = kept;
      seen++;
    }
    return seen === keys.length ? copy : NO;
  }

  /** Keys come one by one and no key comes twice: when all have come, each of them was there. */
  #update(before: Plain, value: Plain, walk: Walk): unknown {
    const keys = this.#keys;
    let copy: Record<string, unknown> | undefined;
    let seen = 0;
    for (const key in value) {
      const place = key === keys[seen] ? seen : this.#places?.get(key);
      if (place === undefined) return NO;
      const part = value[key];
      const was = before[key];
      let kept = was;
      if (part !== was || !isScalar(part)) {
        kept = this.#patterns[place]?.keep(was, part, walk);
        if (kept === NO) return NO;
        if (copy === undefined && !Object.is(kept, was)) copy = firstOf(before, value, seen);
      }
      if (copy !== undefined) copy[key] = kept;
      seen++;
    }
    if (seen !== keys.length) return NO;
    return copy ?? before;
  }
}

/** A pattern as what {@link FixedObject.isStill} may be asked of. */
function flatOf(pattern: Pattern): FixedObject | undefined {
  return pattern instanceof FixedObject && pattern.isFlat ? pattern : undefined;
}

/** The first parts of a copy that nobody has changed, in the order of a value. Made key by key: to spread is dearer than that. */
function firstOf(before: Plain, value: Plain, count: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  if (count === 0) return copy;
  for (const key in value) {
    copy[key] = before[key];
    if (--count === 0) break;
  }
  return copy;
}

/** A plain object: keys that are known, some of which may be missing, and others if there may be any. */
export class ObjectOf implements Pattern {
  readonly isExact: boolean;
  readonly isPrimitive = false;
  readonly #keys: readonly string[];
  readonly #patterns: readonly Pattern[];
  readonly #isRequired: readonly boolean[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #required: number;
  readonly #rest: Rest | undefined;
  readonly #flatRest: FixedObject | undefined;
  readonly #anyOrder: boolean;

  /** @param rest other keys; `undefined` if there may be none */
  constructor(fields: readonly Field[], rest: Rest | undefined, order: Order) {
    this.#keys = fields.map(({ key }) => key);
    this.#patterns = fields.map(({ pattern }) => pattern);
    this.#isRequired = fields.map(({ isOptional }) => !isOptional);
    this.#places = new Map(this.#keys.map((key, place) => [key, place]));
    this.#required = fields.filter(({ isOptional }) => !isOptional).length;
    this.#rest = rest;
    this.#flatRest = rest && flatOf(rest.pattern);
    this.#anyOrder = order.anyOrder;
    this.isExact = isExactObject(rest ? [...this.#patterns, rest.pattern] : this.#patterns, order);
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
    const old = before === NO ? EMPTY : (before as Plain);
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
        const isStill = place === keys.length && this.#flatRest?.isStill(was, part, walk) === true;
        const kept = isStill ? was : this.#at(place).keep(was, part, walk);
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
    if (walk.itemsLeft < 0 || missing > 0 || this.#hides(value)) return NO;
    if (copy === undefined && old === before && Object.keys(old).length === count) return old;
    copy ??= { ...old };
    if (Object.keys(copy).length !== count) for (const key in copy) if (!shows(value, key)) delete copy[key];
    return copy;
  }

  /** Whether a key is there and does not show: no copy has it, but the library looks at it. */
  #hides(value: Plain): boolean {
    return this.#keys.some((key) => key in value && !shows(value, key));
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
  readonly isPrimitive = false;
  readonly #key: Pattern;
  readonly #item: Pattern;
  readonly #flat: FixedObject | undefined;
  readonly #count: Count;

  constructor(key: Pattern, item: Pattern, count: Count) {
    this.#key = key;
    this.#item = item;
    this.#flat = flatOf(item);
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
      const isStill = this.#flat?.isStill(itemWas, item, walk) === true;
      const keptItem = isStill ? itemWas : this.#item.keep(itemWas, item, walk);
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
export class SetOf extends ItemsOf {
  fits(value: unknown): boolean {
    if (!isSet(value) || !this.count(value.size)) return false;
    for (const item of value) if (!this.item.fits(item)) return false;
    return true;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (!isSet(value) || !this.count(value.size)) return NO;
    walk.itemsLeft -= value.size + 1;
    if (walk.itemsLeft < 0) return NO;
    const old = isSet(before) ? before.values() : NONE.values();
    const copy = new Set<unknown>();
    let isSameSet = isSet(before) && before.size === value.size;
    for (const item of value) {
      const { done, value: next } = old.next();
      const was = done ? NO : next;
      const kept = this.item.keep(was, item, walk);
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
