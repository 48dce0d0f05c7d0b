/**
 * Fits the integers of a CBOR argument from outside to its schema.
 *
 * CBOR has one kind of integer, JavaScript two. Between nodes a bigint is an integer of eight bytes, and a number is never
 * one. Other encoders write any number from 2^32 up in eight bytes, a time in milliseconds among them, and small bigints in
 * fewer. So at the door the schema says what an integer is: where it refuses the one kind, it is asked about the other.
 *
 * @module
 */
import { type Schema, type SchemaResult, validate } from "../actors/schema.ts";
import { copyValue } from "../codec/value.ts";

/** How often a schema is asked: a value has to be right after its integers, those of a union in it, and once more. */
const ROUNDS_MAX = 4;

type Convert = (integer: unknown) => unknown;

const toNumber: Convert = (value) =>
  typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
const toBigint: Convert = (value) =>
  typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;

/** The argument as the schema takes it; as it was given if no choice of its integers fits. */
export function fitIntegers(schema: Schema, argument: unknown): unknown {
  let value = argument;
  const tried = new Map<string, number>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { issues } = asked(schema, value);
    if (!issues) return value;
    if (round === 0) value = copyValue(argument);
    let changed = false;
    for (const { path = [] } of issues) {
      const steps = path.map((step) => (typeof step === "object" ? step.key : step));
      const place = steps.map(String).join("\0");
      const times = tried.get(place) ?? 0;
      tried.set(place, times + 1);
      value = changedAt(value, steps, (inner) => {
        const next = otherwise(inner, times);
        changed ||= !Object.is(next, inner);
        return next;
      });
    }
    if (!changed) return argument;
  }
  return argument;
}

/** The argument with all integers that a number can hold as numbers: for a kind whose schema is not known here. */
export function numbersOnly(argument: unknown): unknown {
  return convertedAll(argument, toNumber);
}

/** A schema that throws has no say here: the owner asks it again, and tells. */
function asked(schema: Schema, value: unknown): SchemaResult<unknown> {
  try {
    return validate(schema, value);
  } catch {
    return { value };
  }
}

/** What else may stand at a place that was refused so many times before; the same if there is nothing. */
function otherwise(inner: unknown, times: number): unknown {
  if (typeof inner === "bigint") return times === 0 ? toNumber(inner) : inner;
  if (typeof inner === "number") return times === 0 ? toBigint(inner) : inner;
  // A union does not say what it minds inside.
  if (times === 0) return convertedAll(inner, toNumber);
  return times === 1 ? convertedAll(inner, toBigint) : inner;
}

/** Changes one place of a value that nobody else holds. */
function changedAt(
  value: unknown,
  steps: readonly PropertyKey[],
  change: (inner: unknown) => unknown,
): unknown {
  const last = steps.at(-1);
  if (last === undefined) return change(value);
  let holder = value;
  for (const step of steps.slice(0, -1)) holder = partOf(holder, step);
  const inner = partOf(holder, last);
  if (inner === undefined) return value;
  const next = change(inner);
  if (holder instanceof Map) changeEntry(holder, last, next, change);
  else (holder as Record<PropertyKey, unknown>)[last] = next;
  return value;
}

/** What a schema minds in a map is a value, or its key. */
function changeEntry(
  map: Map<unknown, unknown>,
  key: PropertyKey,
  next: unknown,
  change: (inner: unknown) => unknown,
): void {
  if (Object.is(next, map.get(key))) map.delete(key);
  map.set(map.has(key) ? key : change(key), next);
}

function partOf(holder: unknown, step: PropertyKey): unknown {
  if (holder instanceof Map) return holder.get(step);
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, step)) return undefined;
  return (holder as Record<PropertyKey, unknown>)[step];
}

/** Every integer in a value by another; the value itself if there is none to change. */
function convertedAll(value: unknown, convert: Convert): unknown {
  if (typeof value !== "object" || value === null) return convert(value);
  if (value instanceof Uint8Array || value instanceof Date) return value;
  if (value instanceof Set) {
    const inner = [...value];
    const next = inner.map((each) => convertedAll(each, convert));
    return next.some((each, i) => !Object.is(each, inner[i])) ? new Set(next) : value;
  }
  if (value instanceof Map) {
    const inner = [...value].flat();
    const next = inner.map((each) => convertedAll(each, convert));
    if (next.every((each, i) => Object.is(each, inner[i]))) return value;
    return new Map(next.flatMap((key, i) => (i % 2 === 0 ? [[key, next[i + 1]]] : [])));
  }
  if (Array.isArray(value)) {
    const next = value.map((each) => convertedAll(each, convert));
    return next.some((each, i) => !Object.is(each, value[i])) ? next : value;
  }
  const entries = Object.entries(value);
  const next = entries.map(([, each]) => convertedAll(each, convert));
  if (next.every((each, i) => Object.is(each, entries[i]?.[1]))) return value;
  return Object.fromEntries(entries.map(([key], i) => [key, next[i]]));
}
