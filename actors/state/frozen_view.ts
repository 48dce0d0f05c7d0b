/**
 * A value to be read only: objects and lists are frozen as they are, and what cannot be frozen is copied.
 *
 * @module
 */

/** What can be said of a view. */
export interface FrozenView {
  readonly value: unknown;
  /** Whether everything in it throws when it is changed. Bytes do not: whoever looks next needs another view. */
  readonly isSafe: boolean;
}

/**
 * A view of a copied value that nobody changes. A change of it throws a `TypeError`, and one of bytes has no effect on the value.
 * Objects and lists that hold neither dates, maps, sets nor bytes are part of the view themselves.
 */
export function frozenView(value: unknown): FrozenView {
  const viewer = new Viewer();
  return { value: viewer.view(value), isSafe: viewer.isSafe };
}

class Viewer {
  isSafe = true;

  view(value: unknown): unknown {
    // what was frozen before was looked through to the end
    if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
    if (Array.isArray(value)) return this.#list(value);
    if (value instanceof Uint8Array) {
      this.isSafe = false;
      return value.slice();
    }
    if (value instanceof Date) return guarded(new Date(value), DATE_WRITERS);
    if (value instanceof Map) {
      const entries = [...value].map(([key, item]) => [this.view(key), this.view(item)] as const);
      return guarded(new Map(entries), MAP_WRITERS);
    }
    if (value instanceof Set) return guarded(new Set([...value].map((item) => this.view(item))), SET_WRITERS);
    return this.#plain(value as Readonly<Record<string, unknown>>);
  }

  #list(list: readonly unknown[]): unknown {
    let copy: unknown[] | undefined;
    list.forEach((item, at) => {
      const view = this.view(item);
      if (Object.is(view, item)) return;
      copy ??= [...list];
      copy[at] = view;
    });
    return Object.freeze(copy ?? list);
  }

  #plain(plain: Readonly<Record<string, unknown>>): unknown {
    let copy: Record<string, unknown> | undefined;
    for (const key of Object.keys(plain)) {
      const view = this.view(plain[key]);
      if (Object.is(view, plain[key])) continue;
      copy ??= { ...plain };
      copy[key] = view;
    }
    return Object.freeze(copy ?? plain);
  }
}

const MAP_WRITERS: readonly string[] = writersOf(Map.prototype, /^(set|delete|clear|getOrInsert.*)$/);
const SET_WRITERS: readonly string[] = writersOf(Set.prototype, /^(add|delete|clear)$/);
const DATE_WRITERS: readonly string[] = writersOf(Date.prototype, /^set/);

function writersOf(prototype: object, names: RegExp): string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => names.test(name));
}

/** Its methods that change it throw. */
function guarded<T extends object>(copy: T, writers: readonly string[]): T {
  for (const name of writers) Object.defineProperty(copy, name, { value: refuse });
  return Object.freeze(copy);
}

function refuse(): never {
  throw new TypeError("Cannot change a state that is to be read only: its message is declared readonly");
}
