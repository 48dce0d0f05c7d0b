/**
 * A pattern: what a schema says that only checks, in a form that looks at values quickly. It can say yes, and what has no yes
 * goes to the schema's library, which says what is wrong. So a pattern may know less than its schema, and must never let more
 * pass, nor let anything pass that the library would change.
 *
 * @module
 */

/** See the module's text. */
export interface Pattern {
  /**
   * Whether a no is one of the library as well. If not, the library may still accept the value, and change it: drop keys, or
   * put them in another order.
   */
  readonly isExact: boolean;
  /** Whether nothing that fits is an object: then what is equal is the same. */
  readonly isPrimitive: boolean;

  /** Whether a value that was copied or decoded fits: the library would give back the same, its keys in the same order. */
  fits(value: unknown): boolean;

  /**
   * A copy of a value that anybody may hold, or {@link NO}. What has not changed since `before` is not copied and not checked
   * again, but is taken over from there; if nothing has, the whole is `before` itself. What comes out is what was looked at, also
   * if the value is another one each time it is read.
   *
   * @param before what this pattern gave earlier, and nobody has changed since; or {@link NO} for nothing
   * @throws {EncodeError} for what cannot travel
   */
  keep(before: unknown, value: unknown, walk: Walk): unknown;
}

/** What all parts of one walk share. */
export interface Walk {
  /** Values and keys that may still come, about: what has parts counts them, and itself. */
  itemsLeft: number;
}

/** No copy. It is equal to nothing that can be in a value. */
export const NO: unique symbol = Symbol("no");

/** A plain object, as those that are copied or decoded are. */
export type Plain = Readonly<Record<string, unknown>>;

export function isPlain(value: unknown): value is Plain {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype;
}

/** Whether what is equal to it is the same. Objects may have been changed inside, and functions are inherited. */
export function isScalar(value: unknown): boolean {
  return (
    typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null
  );
}
