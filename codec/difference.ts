/**
 * Compares two values as the wire sees them. Used to learn whether a schema changed what it parsed.
 *
 * @module
 */
import { sameBytes } from "./bytes.ts";
import { keyStep, pathOf } from "./path.ts";

/**
 * Where two travelling values first differ, written like an access in the language (`items[3].name`; "" is the
 * whole value), or `undefined` if they are the same. NaN equals NaN and -0 equals 0; the order of an object's keys does
 * not count, that of a map or a set does; a key whose value is undefined counts as absent.
 */
export function firstDifference(a: unknown, b: unknown): string | undefined {
  const steps = difference(a, b);
  return steps && pathOf(steps);
}

/** Whether two travelling values are the same, as {@link firstDifference} sees it. */
export function sameValue(a: unknown, b: unknown): boolean {
  return difference(a, b) === undefined;
}

/** The steps to the difference, last one first: collected only while the search returns. */
type Steps = string[];

function difference(a: unknown, b: unknown): Steps | undefined {
  if (a === b || Object.is(a, b)) return undefined;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return [];
  if (Array.isArray(a)) return Array.isArray(b) ? inSequence(a, b) : [];
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameBytes(a, b) ? undefined : [];
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime() ? undefined : [];
  if (a instanceof Set) return b instanceof Set ? inSequence([...a], [...b]) : [];
  if (a instanceof Map) return b instanceof Map ? inMaps(a, b) : [];
  return isPlain(b) ? inObjects(a as Record<string, unknown>, b) : [];
}

function isPlain(value: object): value is Record<string, unknown> {
  return !(
    Array.isArray(value) ||
    value instanceof Uint8Array ||
    value instanceof Date ||
    value instanceof Set ||
    value instanceof Map
  );
}

function inSequence(a: readonly unknown[], b: readonly unknown[]): Steps | undefined {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (i >= a.length || i >= b.length) return [`[${i}]`];
    const steps = difference(a[i], b[i]);
    if (steps) return extend(steps, `[${i}]`);
  }
  return undefined;
}

function inMaps(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): Steps | undefined {
  const keys = inSequence([...a.keys()], [...b.keys()]);
  if (keys) return extend(keys, ".keys");
  const values = inSequence([...a.values()], [...b.values()]);
  return values && extend(values, ".values");
}

function inObjects(a: Record<string, unknown>, b: Record<string, unknown>): Steps | undefined {
  for (const key of Object.keys(a)) {
    const steps = difference(a[key], Object.hasOwn(b, key) ? b[key] : undefined);
    if (steps) return extend(steps, keyStep(key));
  }
  for (const key of Object.keys(b)) {
    if (b[key] !== undefined && !Object.hasOwn(a, key)) return [keyStep(key)];
  }
  return undefined;
}

function extend(steps: Steps, step: string): Steps {
  steps.push(step);
  return steps;
}
