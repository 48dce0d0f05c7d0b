/**
 * Reads patterns from schemas of zod 4, which carry their definition with them. Nothing of zod is imported, and no code is made
 * from text: patterns work under every content security policy.
 *
 * A type, a check or a word of a definition that is not known here makes the whole schema unknown, and the library does all the
 * work. So does whatever may change a value: transforms, defaults, coercion, refinements with code of the user's.
 *
 * @module
 */
import {
  type Count,
  type Field,
  FixedObject,
  ListOf,
  MapOf,
  ObjectOf,
  type Order,
  type Rest,
  SetOf,
} from "./containers.ts";
import type { Pattern } from "./pattern.ts";
import { Anything, ByKey, FirstOf, Maybe, Single } from "./single.ts";

/** What is read of a schema. */
interface Zod {
  readonly _zod: {
    readonly def: Definition;
    readonly traits: ReadonlySet<string>;
    readonly optin?: string | undefined;
    readonly optout?: string | undefined;
    /** What it takes, where that can be counted. */
    readonly values?: ReadonlySet<unknown> | undefined;
    /** The same for each key of an object. */
    readonly propValues?: Readonly<Record<string, ReadonlySet<unknown>>> | undefined;
    readonly bag: { readonly Class?: unknown };
    /** Of a check. */
    readonly check?: (payload: { value: unknown; readonly issues: unknown[] }) => unknown;
  };
}

interface Definition {
  readonly type: string;
  readonly checks?: readonly Zod[];
  readonly [word: string]: unknown;
}

/** How deep schemas may be inside one another: much less than values. */
const DEPTH_MAX = 32;

/** Words that may stand in every definition, and change nothing of what fits. */
const WORDS: readonly string[] = ["type", "checks", "error", "message", "abort", "when"];

/** Words of a definition that is a check at once. */
const CHECK_WORDS: readonly string[] = ["check", "format", "pattern", "value", "inclusive", "version"];

/** A definition that is not known. */
const UNKNOWN: unique symbol = Symbol("unknown");

/**
 * The pattern of a schema; `undefined` if it is none of zod 4's, or holds something that is not known here.
 *
 * @param anyOrder whether keys of objects may come in any order: the library gives them back in that of its schema
 */
export function zodPattern(schema: unknown, anyOrder: boolean): Pattern | undefined {
  if (!isZod(schema)) return undefined;
  try {
    return new Reader(anyOrder).pattern(schema, 0);
  } catch {
    return undefined; // it is not known, or its definition runs code of the user's that threw
  }
}

function isZod(schema: unknown): schema is Zod {
  if (typeof schema !== "object" || schema === null || !("_zod" in schema)) return false;
  const { _zod: inner } = schema as { readonly _zod: Partial<Zod["_zod"]> | undefined };
  return inner?.traits instanceof Set && inner.traits.has("$ZodType") && typeof inner.def?.type === "string";
}

class Reader {
  readonly #anyOrder: boolean;

  constructor(anyOrder: boolean) {
    this.#anyOrder = anyOrder;
  }

  /** @throws UNKNOWN */
  pattern(schema: unknown, depth: number): Pattern {
    if (!isZod(schema) || depth > DEPTH_MAX) throw UNKNOWN;
    const { def } = schema._zod;
    const inner = (part: unknown) => this.pattern(part, depth + 1);
    switch (def.type) {
      case "string":
        only(def, ["coerce", ...CHECK_WORDS]);
        return new Single(all(isString, checksOf(schema)));
      case "number":
        only(def, ["coerce", ...CHECK_WORDS]);
        return new Single(all(Number.isFinite, checksOf(schema)));
      case "bigint":
        only(def, ["coerce", ...CHECK_WORDS]);
        return new Single(all(isBigint, checksOf(schema)));
      case "boolean":
        bare(def, ["coerce"]);
        return new Single(isBoolean);
      case "date":
        only(def, ["coerce"]);
        return new Single(all(isDate, checksOf(schema)), sameDate);
      case "null":
        bare(def);
        return new Single((value) => value === null);
      case "undefined":
      case "void":
        bare(def);
        return new Single((value) => value === undefined);
      case "literal":
      case "enum":
        bare(def, ["values", "entries"]);
        return new Single(oneOf(schema));
      case "any":
      case "unknown":
        bare(def);
        return new Anything();
      case "custom":
        return bytes(schema);
      case "optional":
        bare(def, ["innerType"]);
        if (schema._zod.optin !== "optional") throw UNKNOWN;
        if (schema._zod.traits.has("$ZodExactOptional")) return inner(def.innerType);
        return new Maybe(undefined, inner(def.innerType));
      case "nullable":
        bare(def, ["innerType"]);
        return new Maybe(null, inner(def.innerType));
      case "union":
        return this.#union(schema, inner);
      case "array":
        only(def, ["element"]);
        return new ListOf(inner(def.element), count(schema, "length"));
      case "map":
        only(def, ["keyType", "valueType"]);
        return new MapOf(inner(def.keyType), inner(def.valueType), count(schema, "size"));
      case "set":
        only(def, ["valueType"]);
        return new SetOf(inner(def.valueType), count(schema, "size"));
      case "record":
        return this.#record(def, inner);
      case "object":
        return this.#object(def, inner);
      default:
        throw UNKNOWN;
    }
  }

  #union(schema: Zod, inner: (part: unknown) => Pattern): Pattern {
    const { def } = schema._zod;
    bare(def, ["options", "inclusive", "discriminator", "unionFallback"]);
    const parts = def.options as readonly Zod[];
    if (def.discriminator !== undefined) return byKey(def, parts.map(inner));
    if (def.inclusive === false || schema._zod.traits.has("$ZodXor")) throw UNKNOWN;
    const options = parts.map(inner);
    if (!options.slice(0, -1).every(({ isExact }) => isExact)) throw UNKNOWN;
    return new FirstOf(options);
  }

  /** Records of all keys that are texts; those of certain keys need them all. */
  #record(def: Definition, inner: (part: unknown) => Pattern): Pattern {
    bare(def, ["keyType", "valueType", "mode"]);
    const keyType = def.keyType;
    if (def.mode === "loose" || !isZod(keyType) || keyType._zod.def.type !== "string") throw UNKNOWN;
    const keys = inner(keyType);
    const rest: Rest = { mayBe: (key) => keys.fits(key), pattern: inner(def.valueType) };
    return new ObjectOf([], rest, { isStrict: true, anyOrder: this.#anyOrder });
  }

  #object(def: Definition, inner: (part: unknown) => Pattern): Pattern {
    bare(def, ["shape", "catchall"]);
    const shape = def.shape as Readonly<Record<string, Zod>>;
    if (Object.getOwnPropertySymbols(shape).length > 0) throw UNKNOWN;
    const fields = Object.entries(shape).map(([key, part]): Field => {
      const { optin, optout } = part._zod;
      const isOptional = optin === "optional" && optout === "optional";
      // the library finds what every object inherits where a value has no such key
      if ((optin !== undefined && !isOptional) || key in Object.prototype || !key.isWellFormed())
        throw UNKNOWN;
      return { key, pattern: inner(part), isOptional };
    });
    const { catchall } = def as { readonly catchall?: unknown };
    const isClosed = catchall === undefined || (isZod(catchall) && catchall._zod.def.type === "never");
    const order: Order = {
      isStrict: catchall !== undefined && fields.some(({ key, isOptional }) => !isOptional && isNobodys(key)),
      anyOrder: this.#anyOrder,
    };
    if (isClosed && fields.every(({ isOptional }) => !isOptional)) return new FixedObject(fields, order);
    const rest = isClosed ? undefined : { mayBe: () => true, pattern: inner(catchall) };
    return new ObjectOf(fields, rest, order);
  }
}

const SPECIAL: readonly object[] = [Map.prototype, Set.prototype, Date.prototype, Uint8Array.prototype];

/** Whether none of the other objects that travel has that key: the library takes a map for an object with a `size`. */
function isNobodys(key: string): boolean {
  return !SPECIAL.some((prototype) => key in prototype) && !/^\d/.test(key);
}

/** Refuses words that are not known: another release of the library may mean something by them. @throws UNKNOWN */
function only(def: Definition, words: readonly string[]): void {
  for (const word of Object.keys(def))
    if (!WORDS.includes(word) && !words.includes(word) && def[word] !== undefined) throw UNKNOWN;
  if (def.coerce) throw UNKNOWN;
}

/** Refuses checks as well. @throws UNKNOWN */
function bare(def: Definition, words: readonly string[] = []): void {
  only(def, words);
  if (def.checks !== undefined && def.checks.length > 0) throw UNKNOWN;
}

type Test = (value: unknown) => boolean;

const isString: Test = (value) => typeof value === "string";
const isBoolean: Test = (value) => typeof value === "boolean";
const isBigint: Test = (value) => typeof value === "bigint";
const isDate: Test = (value) =>
  value instanceof Date && Object.getPrototypeOf(value) === Date.prototype && !Number.isNaN(value.getTime());
const isBytes: Test = (value) => value instanceof Uint8Array;

function sameDate(before: unknown, value: unknown): boolean {
  return before instanceof Date && before.getTime() === (value as Date).getTime();
}

function sameBytes(before: unknown, value: unknown): boolean {
  if (!(before instanceof Uint8Array) || !(value instanceof Uint8Array)) return false;
  return before.byteLength === value.byteLength && before.every((byte, at) => byte === value[at]);
}

/** `z.instanceof(Uint8Array)`; other tests of that kind are code of the user's. @throws UNKNOWN */
function bytes({ _zod: { def, bag } }: Zod): Pattern {
  bare(def, ["check", "fn"]);
  if (bag.Class !== Uint8Array) throw UNKNOWN;
  return new Single(isBytes, sameBytes);
}

/** @throws UNKNOWN */
function oneOf({ _zod: { values } }: Zod): Test {
  if (!(values instanceof Set)) throw UNKNOWN;
  const [first] = values;
  if (values.size === 1 && typeof first === "string") return (value) => value === first;
  return (value) => values.has(value);
}

/** One option for each value of the key. @throws UNKNOWN */
function byKey(def: Definition, options: readonly Pattern[]): Pattern {
  const key = def.discriminator;
  if (typeof key !== "string" || def.unionFallback) throw UNKNOWN;
  const byValue = new Map<unknown, Pattern>();
  for (const [at, { _zod: part }] of (def.options as readonly Zod[]).entries()) {
    const values = part.def.type === "object" ? part.propValues?.[key] : undefined;
    if (values === undefined) throw UNKNOWN;
    for (const value of values) {
      if (byValue.has(value)) throw UNKNOWN;
      byValue.set(value, options[at] as Pattern);
    }
  }
  return new ByKey(key, byValue);
}

/** The checks of a schema, of which it may be one itself. @throws UNKNOWN */
function checksOf(schema: Zod): Test[] {
  const { def } = schema._zod;
  const checks = def.check === undefined ? [] : [schema];
  return [...checks, ...(def.checks ?? [])].map(checkOf);
}

/** Checks by code of the library, which all say no by an issue. */
const CHECKS: ReadonlySet<unknown> = new Set([
  ...["less_than", "greater_than", "multiple_of", "number_format", "bigint_format", "string_format"],
  ...["min_length", "max_length", "length_equals", "min_size", "max_size", "size_equals"],
]);

/** @throws UNKNOWN */
function checkOf({ _zod: { def, check } }: Zod): Test {
  if (!CHECKS.has(def.check) || "fn" in def || check === undefined) throw UNKNOWN;
  if (def.check === "number_format" && def.format === "safeint") return Number.isSafeInteger;
  return (value) => {
    const payload = { value, issues: [] };
    check(payload);
    return payload.issues.length === 0 && payload.value === value;
  };
}

function all(first: Test, others: readonly Test[]): Test {
  const [second, ...more] = others;
  if (second === undefined) return first;
  if (more.length === 0)
    return second === Number.isSafeInteger ? second : (value) => first(value) && second(value);
  return (value) => first(value) && others.every((test) => test(value));
}

/** How many a container may have: the checks of the library look at nothing else of it. @throws UNKNOWN */
function count(schema: Zod, of: "length" | "size"): Count {
  const tests = (schema._zod.def.checks ?? []).map((check) => {
    const isCount = String(check._zod.def.check).includes(of === "length" ? "length" : "size");
    if (!isCount) throw UNKNOWN;
    return checkOf(check);
  });
  return (many) => tests.every((test) => test({ [of]: many }));
}
