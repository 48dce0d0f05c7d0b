/**
 * Patterns of single values, and of values that may be missing or be one of several.
 *
 * @module
 */
import { copyValue } from "../../codec/value.ts";
import { isPlain, NO, type Pattern, type Plain, type Walk } from "./pattern.ts";

/** Numbers, texts, dates, bytes: whatever has no parts. */
export class Single implements Pattern {
  readonly isExact = true;
  readonly isPrimitive: boolean;
  readonly fits: (value: unknown) => boolean;
  readonly #same: (before: unknown, value: unknown) => boolean;

  /** @param same whether a value is what it was before, for those that are objects */
  constructor(
    fits: (value: unknown) => boolean,
    same: (before: unknown, value: unknown) => boolean = Object.is,
  ) {
    this.fits = fits;
    this.#same = same;
    this.isPrimitive = same === Object.is;
  }

  keep(before: unknown, value: unknown): unknown {
    if (!this.fits(value)) return NO;
    switch (typeof value) {
      case "number":
        return value === 0 ? 0 : value; // as all copies: -0 does not travel
      case "boolean":
      case "undefined":
        return value;
      case "string":
        return value === before ? before : copyValue(value);
      default:
        return this.#same(before, value) ? before : copyValue(value);
    }
  }
}

/** Anything that can travel. What has parts is left to the library: nothing is known of them. */
export class Anything implements Pattern {
  readonly isExact = true;
  readonly isPrimitive = false;

  fits(): boolean {
    return true;
  }

  keep(_before: unknown, value: unknown): unknown {
    return typeof value === "object" && value !== null ? NO : copyValue(value);
  }
}

/** `null` or `undefined`, or something else. */
export class Maybe implements Pattern {
  readonly isExact: boolean;
  readonly isPrimitive: boolean;
  readonly #none: null | undefined;
  readonly #some: Pattern;

  constructor(none: null | undefined, some: Pattern) {
    this.#none = none;
    this.#some = some;
    this.isExact = some.isExact;
    this.isPrimitive = some.isPrimitive;
  }

  fits(value: unknown): boolean {
    return value === this.#none || this.#some.fits(value);
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (value === this.#none) return value;
    return this.#some.keep(before === this.#none ? NO : before, value, walk);
  }
}

/** The first of several that fits. A no of each but the last must be one of the library: it takes the first as well. */
export class FirstOf implements Pattern {
  readonly isExact: boolean;
  readonly isPrimitive: boolean;
  readonly #options: readonly Pattern[];

  constructor(options: readonly Pattern[]) {
    this.#options = options;
    this.isExact = options.every(({ isExact }) => isExact);
    this.isPrimitive = options.every(({ isPrimitive }) => isPrimitive);
  }

  fits(value: unknown): boolean {
    for (const option of this.#options) if (option.fits(value)) return true;
    return false;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    for (const option of this.#options) {
      const own = before !== NO && option.fits(before) ? before : NO;
      const kept = option.keep(own, value, walk);
      if (kept !== NO) return kept;
    }
    return NO;
  }
}

/** One of several objects, told apart by what is under one key. */
export class ByKey implements Pattern {
  readonly isExact: boolean;
  readonly isPrimitive = false;
  readonly #key: string;
  readonly #options: ReadonlyMap<unknown, Pattern>;

  constructor(key: string, options: ReadonlyMap<unknown, Pattern>) {
    this.#key = key;
    this.#options = options;
    this.isExact = [...options.values()].every(({ isExact }) => isExact);
  }

  fits(value: unknown): boolean {
    return isPlain(value) && this.#options.get(value[this.#key])?.fits(value) === true;
  }

  keep(before: unknown, value: unknown, walk: Walk): unknown {
    if (!isPlain(value)) return NO;
    const option = this.#options.get(value[this.#key]);
    if (option === undefined) return NO;
    const own = before !== NO && this.#options.get((before as Plain)[this.#key]) === option ? before : NO;
    return option.keep(own, value, walk);
  }
}
