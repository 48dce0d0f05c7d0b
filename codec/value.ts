/**
 * Which values may travel, and how a value is copied inside one process so that nobody can tell whether it went over
 * the wire: `copyValue` does what an encode and a decode do, and `checkValue` refuses what `encode` would refuse.
 *
 * Travelling values: undefined, null, booleans, numbers, bigints up to 64 bytes, well-formed strings, dates within 139,000 years of 1970, and
 * arrays, plain objects, maps, sets and byte arrays of such. Of an object its own enumerable string keys count. A
 * `Buffer` arrives as a `Uint8Array`, -0 as 0, a hole in an array as undefined, an object without prototype as a
 * plain one. Shared references become copies. A reference to an actor becomes its address where it is copied.
 *
 * @module
 */
import { EncodeError } from "../errors.ts";
import { keyStep, pathOf } from "./path.ts";

/** How large a value may be, beside its bytes. */
export interface ValueLimits {
  /** Arrays, objects, maps and sets inside one another. Default 64. */
  readonly depthMax: number;
  /** Values and keys, counted all together. Default 100,000. */
  readonly itemsMax: number;
}

/** The limits that apply unless others are given. */
export const VALUE_LIMITS: ValueLimits = { depthMax: 64, itemsMax: 100_000 };

/** Under which a reference to an actor has its address: the plain object that travels instead. */
export const ADDRESS: unique symbol = Symbol.for("baton.address");

/** Magnitude above which a bigint cannot travel: 64 bytes. */
const BIGINT_END = 1n << 512n;

/** Dates further from 1970 (some 139,000 years) cannot be written as seconds without losing milliseconds. */
const DATE_MS_MAX = 2 ** 42 * 1000;

/** What is wrong with a value; the way to it is collected backwards while the search returns. */
interface Fault {
  readonly reason: string;
  readonly path: string[];
}

/** The part of a walk that all its levels share. */
interface Walk {
  itemsLeft: number;
  readonly depthMax: number;
  readonly itemsMax: number;
  readonly root: unknown;
}

/**
 * A deep copy, equal to what the other side of the wire would get.
 *
 * @throws {EncodeError} with the path of the first part that cannot travel
 */
export function copyValue<T>(value: T, limits: ValueLimits = VALUE_LIMITS): T {
  return copyAny(value, 0, walkOf(value, limits)) as T;
}

/**
 * Refuses what cannot travel.
 *
 * @throws {EncodeError} with the path of the first part that cannot travel
 */
export function checkValue(value: unknown, limits: ValueLimits = VALUE_LIMITS): void {
  const fault = faultAny(value, 0, walkOf(value, limits));
  if (fault) throw errorOf(fault);
}

function walkOf(root: unknown, limits: ValueLimits): Walk {
  return { itemsLeft: limits.itemsMax, depthMax: limits.depthMax, itemsMax: limits.itemsMax, root };
}

function copyAny(value: unknown, depth: number, walk: Walk): unknown {
  if (--walk.itemsLeft < 0) throw refusal(walk);
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw refusal(walk);
      return value;
    case "number":
      return value === 0 ? 0 : value;
    case "boolean":
    case "undefined":
      return value;
    case "bigint":
      if (value >= BIGINT_END || value < -BIGINT_END) throw refusal(walk);
      return value;
    case "object":
      return value === null ? null : copyObject(value, depth + 1, walk);
    default:
      throw refusal(walk);
  }
}

function copyObject(value: object, depth: number, walk: Walk): unknown {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    if (depth > walk.depthMax) throw refusal(walk);
    return copyPlain(value as Record<string, unknown>, depth, walk);
  }
  if (prototype === Array.prototype) {
    if (depth > walk.depthMax) throw refusal(walk);
    const source = value as unknown[];
    const copy: unknown[] = [];
    for (let i = 0; i < source.length; i++) copy.push(copyAny(source[i], depth, walk));
    return copy;
  }
  return copySpecial(value, prototype, depth, walk);
}

function copyPlain(source: Record<string, unknown>, depth: number, walk: Walk): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(source)) {
    if (--walk.itemsLeft < 0 || key === "__proto__" || !key.isWellFormed()) throw refusal(walk);
    copy[key] = copyAny(source[key], depth, walk);
  }
  return copy;
}

function copySpecial(value: object, prototype: object, depth: number, walk: Walk): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (prototype === Date.prototype) {
    const time = timeOf(value);
    if (Number.isNaN(time)) throw refusal(walk);
    return new Date(time);
  }
  if (depth > walk.depthMax) throw refusal(walk);
  if (prototype === Map.prototype) {
    const copy = new Map<unknown, unknown>();
    for (const [key, inner] of value as Map<unknown, unknown>) {
      copy.set(copyAny(key, depth, walk), copyAny(inner, depth, walk));
    }
    return copy;
  }
  if (prototype === Set.prototype) {
    const copy = new Set<unknown>();
    for (const inner of value as Set<unknown>) copy.add(copyAny(inner, depth, walk));
    return copy;
  }
  if (ADDRESS in value) return copyAny(value[ADDRESS], depth, walk);
  throw refusal(walk);
}

/** The time of a date, or NaN for one that cannot travel and for an object that only has a date's prototype. */
function timeOf(value: object): number {
  try {
    const time = Date.prototype.getTime.call(value);
    return Math.abs(time) <= DATE_MS_MAX ? time : Number.NaN;
  } catch {
    return Number.NaN;
  }
}

/** The error for a walk that met something wrong: the search for its place is made only now. */
function refusal(walk: Walk): EncodeError {
  const fault = faultAny(walk.root, 0, walkOf(walk.root, walk));
  return errorOf(fault ?? { reason: "something that changes while it is read", path: [] });
}

function errorOf(fault: Fault): EncodeError {
  const path = pathOf(fault.path);
  const where = path === "" ? "a value" : `a value at "${path}"`;
  return new EncodeError(`Cannot encode ${where}: it is ${fault.reason}`, { path });
}

function faultAny(value: unknown, depth: number, walk: Walk): Fault | undefined {
  if (--walk.itemsLeft < 0) return fault(`part of more than ${walk.itemsMax} values and keys`);
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? undefined : fault("a string with a lone surrogate");
    case "bigint":
      return value < BIGINT_END && value >= -BIGINT_END ? undefined : fault("a bigint of more than 64 bytes");
    case "object":
      return value === null ? undefined : faultObject(value, depth + 1, walk);
    case "function":
    case "symbol":
      return fault(`a ${typeof value}`);
    default:
      return undefined;
  }
}

function faultObject(value: object, depth: number, walk: Walk): Fault | undefined {
  if (value instanceof Uint8Array) return undefined;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Date.prototype)
    return Number.isNaN(timeOf(value)) ? fault("an invalid or too distant date") : undefined;
  if (depth > walk.depthMax) return fault(`nested deeper than ${walk.depthMax} levels, or part of a cycle`);
  if (prototype === Object.prototype || prototype === null) {
    return faultPlain(value as Record<string, unknown>, depth, walk);
  }
  if (prototype === Array.prototype) return faultEach(value as unknown[], depth, walk);
  if (prototype === Set.prototype) return faultEach(value as Set<unknown>, depth, walk);
  if (prototype === Map.prototype) return faultMap(value as Map<unknown, unknown>, depth, walk);
  if (ADDRESS in value) return faultAny(value[ADDRESS], depth, walk);
  return fault(`an object of class "${classOf(prototype)}"`);
}

function faultPlain(value: Record<string, unknown>, depth: number, walk: Walk): Fault | undefined {
  for (const key of Object.keys(value)) {
    if (--walk.itemsLeft < 0) return fault(`part of more than ${walk.itemsMax} values and keys`);
    if (key === "__proto__") return fault('an object with a key "__proto__"');
    if (!key.isWellFormed()) return fault("an object whose key has a lone surrogate");
    const inner = faultAny(value[key], depth, walk);
    if (inner) return within(inner, keyStep(key));
  }
  return undefined;
}

function faultEach(values: Iterable<unknown>, depth: number, walk: Walk): Fault | undefined {
  let index = 0;
  for (const value of values) {
    const inner = faultAny(value, depth, walk);
    if (inner) return within(inner, `[${index}]`);
    index++;
  }
  return undefined;
}

function faultMap(map: Map<unknown, unknown>, depth: number, walk: Walk): Fault | undefined {
  let index = 0;
  for (const [key, value] of map) {
    const inner = faultAny(key, depth, walk);
    if (inner) return within(inner, `.key(${index})`);
    const outer = faultAny(value, depth, walk);
    if (outer) return within(outer, typeof key === "string" ? keyStep(key) : `.value(${index})`);
    index++;
  }
  return undefined;
}

function fault(reason: string): Fault {
  return { reason, path: [] };
}

function within(inner: Fault, step: string): Fault {
  inner.path.push(step);
  return inner;
}

function classOf(prototype: object): string {
  const made: unknown = prototype.constructor;
  return typeof made === "function" && made.name !== "" ? made.name : "unknown";
}
