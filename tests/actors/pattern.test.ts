import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { Check, NO } from "../../actors/check.ts";
import type { Pattern } from "../../actors/pattern/pattern.ts";
import { zodPattern } from "../../actors/pattern/zod.ts";
import type { Schema, SchemaResult } from "../../actors/schema.ts";
import { copyValue } from "../../codec/value.ts";
import { firstDifference } from "../../codec/difference.ts";

/** A schema, and values of which many fit it. */
interface Case {
  readonly schema: z.ZodType;
  readonly values: fc.Arbitrary<unknown>;
}

class Point {
  readonly a = 1;
  readonly b = "two";
}

const SHAPE_KEYS = ["a", "b", "c", "10", "2"];
const KEYS = [...SHAPE_KEYS, "toString"];
const words = fc.constantFrom("", "a", "b", "aa", "😀", "abc", "ABC", "a@b.de", "2026-11-30", "\uD800");
const integers = fc.oneof(
  fc.integer({ min: -6, max: 6 }),
  fc.constantFrom(-0, 2 ** 53, 2 ** 53 - 1, -(2 ** 40)),
);
const numbers = fc.oneof(integers, fc.constantFrom(0.5, 1.5, Number.NaN, Infinity, -Infinity));
const dates = fc.constantFrom(new Date(0), new Date(7), new Date(Number.NaN));
const bytes = fc.uint8Array({ maxLength: 2 });
const scalars = fc.oneof(
  ...[words, numbers, fc.boolean(), dates, bytes],
  fc.constantFrom(null, undefined, 1n, -(2n ** 70n)),
);
const { anything } = fc.letrec<{ anything: unknown }>((tie) => ({
  anything: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalars,
    fc.array(tie("anything"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("anything"), { maxKeys: 3, noNullPrototype: false }),
    fc.array(fc.tuple(tie("anything"), tie("anything")), { maxLength: 2 }).map((entries) => new Map(entries)),
    fc.array(tie("anything"), { maxLength: 2 }).map((items) => new Set(items)),
    fc.constantFrom<unknown>(new Point(), Array(2), { [Symbol.iterator]: 1, a: 1 }, Symbol.iterator, () => 1),
    tie("anything").map((inner) =>
      Object.defineProperty({ b: 1 }, "a", { get: () => inner, enumerable: true }),
    ),
    tie("anything").map((inner) => Object.defineProperty({ b: 1 }, "a", { value: inner, enumerable: false })),
  ),
}));

const one = (schema: z.ZodType, values: fc.Arbitrary<unknown>): Case => ({ schema, values });
const leaves: fc.Arbitrary<Case> = fc.constantFrom(
  ...[z.number(), z.number().min(-1).max(3), z.number().gt(0).lt(5), z.int(), z.int32(), z.uint32()].map(
    (schema) => one(schema, numbers),
  ),
  ...[
    z.number().int(),
    z.number().int().min(0),
    z.number().multipleOf(2),
    z.number().positive(),
    z.float32(),
  ].map((schema) => one(schema, numbers)),
  ...[z.string(), z.string().min(1), z.string().max(2), z.string().length(1), z.string().min(1).max(2)].map(
    (schema) => one(schema, words),
  ),
  ...[
    z.string().regex(/^a/),
    z.string().regex(/a/g),
    z.string().startsWith("a"),
    z.string().includes("b"),
  ].map((schema) => one(schema, words)),
  ...[z.email(), z.string().email(), z.iso.date(), z.string().uppercase(), z.uuid(), z.url()].map((schema) =>
    one(schema, words),
  ),
  one(z.boolean(), fc.boolean()),
  one(z.bigint(), fc.bigInt({ min: -2n, max: 2n })),
  one(z.bigint().min(0n), fc.bigInt({ min: -2n, max: 2n })),
  one(z.null(), fc.constant(null)),
  one(z.undefined(), fc.constant(undefined)),
  one(z.void(), fc.constant(undefined)),
  one(z.literal("a"), words),
  one(z.literal(["a", 1, null]), fc.oneof(words, numbers)),
  one(z.literal(0), numbers),
  one(z.enum(["a", "b"]), words),
  one(z.enum({ One: 1, Two: "two" }), fc.constantFrom(1, "two", "One")),
  one(z.date(), dates),
  one(z.date().min(new Date(3)), dates),
  one(z.instanceof(Uint8Array), bytes),
  one(z.any(), scalars),
  one(z.unknown(), scalars),
);

/** Objects of the keys that a shape has, and of which some may be missing, be too many, or stand in another order. */
function objectsOf(values: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  const whole = fc.record(values);
  return fc.oneof(
    { weight: 6, arbitrary: whole },
    { weight: 1, arbitrary: fc.record(values, { requiredKeys: [] }) },
    { weight: 1, arbitrary: whole.map((value) => Object.fromEntries(Object.entries(value).reverse())) },
    { weight: 1, arbitrary: fc.tuple(whole, scalars).map(([value, more]) => ({ ...value, more })) },
    { weight: 1, arbitrary: fc.tuple(whole, scalars).map(([value, more]) => ({ more, ...value })) },
    { weight: 1, arbitrary: whole.map((value) => Object.assign(Object.create(null), value)) },
  );
}

function deeper(inner: fc.Arbitrary<Case>): fc.Arbitrary<Case> {
  const objects = fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...SHAPE_KEYS), { maxLength: 4 }),
      fc.array(inner, { minLength: 4, maxLength: 4 }),
      fc.nat(4),
    )
    .map(([keys, parts, form]): Case => {
      const shape = Object.fromEntries(keys.map((key, at) => [key, (parts[at] as Case).schema]));
      const values = Object.fromEntries(keys.map((key, at) => [key, (parts[at] as Case).values]));
      const make = [z.object, z.strictObject, z.strictObject, z.looseObject][form];
      return one(make ? make(shape) : z.object(shape).catchall(z.number()), objectsOf(values));
    });
  return fc.oneof(
    { weight: 3, arbitrary: objects },
    inner.map(({ schema, values }) => one(schema.optional(), fc.oneof(values, fc.constant(undefined)))),
    inner.map(({ schema, values }) => one(z.exactOptional(schema), fc.oneof(values, fc.constant(undefined)))),
    inner.map(({ schema, values }) => one(schema.nullable(), fc.oneof(values, fc.constant(null)))),
    inner.map(({ schema, values }) => one(z.array(schema), fc.array(values, { maxLength: 4 }))),
    inner.map(({ schema, values }) => one(z.array(schema).min(1).max(2), fc.array(values, { maxLength: 4 }))),
    inner.map(({ schema, values }) =>
      one(z.record(z.string(), schema), fc.dictionary(fc.constantFrom(...KEYS), values, { maxKeys: 3 })),
    ),
    inner.map(({ schema, values }) =>
      one(
        z.record(z.string().min(2), schema),
        fc.dictionary(fc.constantFrom(...KEYS), values, { maxKeys: 3 }),
      ),
    ),
    fc.tuple(inner, inner).map(([left, right]) =>
      one(
        z.map(left.schema, right.schema),
        fc.array(fc.tuple(left.values, right.values), { maxLength: 3 }).map((entries) => new Map(entries)),
      ),
    ),
    inner.map(({ schema, values }) =>
      one(
        z.set(schema).max(2),
        fc.array(values, { maxLength: 3 }).map((items) => new Set(items)),
      ),
    ),
    fc
      .tuple(inner, inner)
      .map(([left, right]) => one(z.union([left.schema, right.schema]), fc.oneof(left.values, right.values))),
    fc
      .tuple(inner, inner)
      .map(([left, right]) =>
        one(
          z.discriminatedUnion("a", [
            z.strictObject({ a: z.literal("l"), b: left.schema }),
            z.object({ a: z.enum(["r", "s"]), c: right.schema }),
          ]),
          fc.oneof(
            objectsOf({ a: fc.constantFrom("l", "x"), b: left.values }),
            objectsOf({ a: fc.constantFrom("r", "s"), c: right.values }),
          ),
        ),
      ),
  );
}

const cases: fc.Arbitrary<Case> = fc.oneof(
  leaves,
  deeper(leaves),
  deeper(deeper(leaves)),
  deeper(deeper(deeper(leaves))),
);
const withValue = cases.chain(({ schema, values }) =>
  fc.tuple(
    fc.constant(schema),
    fc.oneof({ weight: 5, arbitrary: values }, { weight: 2, arbitrary: anything }),
  ),
);
const withTwo = cases.chain(({ schema, values }) =>
  fc.tuple(
    fc.constant(schema),
    values,
    fc.oneof({ weight: 5, arbitrary: values }, { weight: 1, arbitrary: anything }),
  ),
);

/** Equal in everything that can be seen: also the order of keys, and keys whose value is undefined. */
function identical(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof Map) return identical([...a].flat(1), [...(b as typeof a)].flat(1));
  if (a instanceof Set) return identical([...a], [...(b as typeof a)]);
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  if (keys.length !== others.length || keys.some((key, at) => key !== others[at])) return false;
  return keys.every((key) => identical(Reflect.get(a, key), Reflect.get(b, key)));
}

function asked(schema: Schema, value: unknown): SchemaResult<unknown> {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) throw new Error("an asynchronous schema");
  return result;
}

function copied(value: unknown): { readonly copy: unknown } | undefined {
  try {
    return { copy: copyValue(value) };
  } catch {
    return undefined;
  }
}

const RUNS = { numRuns: 1_500 };

describe("a pattern", () => {
  test("says yes to exactly what its library lets pass as it is", () => {
    let known = 0;
    let yes = 0;
    fc.assert(
      fc.property(withValue, ([schema, value]) => {
        const pattern = zodPattern(schema, false);
        const from = copied(value);
        if (pattern === undefined || from === undefined) return;
        known++;
        const { copy } = from;
        const result = asked(schema, copy);
        const passes = !result.issues && identical(result.value, copy);
        if (passes) yes++;
        expect(pattern.fits(copy)).toBe(passes);
      }),
      RUNS,
    );
    expect(known).toBeGreaterThan(RUNS.numRuns / 2);
    expect(yes).toBeGreaterThan(known / 5);
  });

  test("gives a check that answers as its library does", () => {
    fc.assert(
      fc.property(withValue, ([schema, value]) => {
        const from = copied(value);
        if (from === undefined) return;
        const ours = new Check(schema).validate(from.copy);
        const theirs = asked(schema, from.copy);
        if (theirs.issues) return expect(ours).toEqual(theirs);
        expect(!ours.issues && identical(ours.value, theirs.value)).toBe(true);
      }),
      RUNS,
    );
  });

  test("keeps of a result what its library would give back, and shares nothing with it", () => {
    fc.assert(
      fc.property(withValue, ([schema, value]) => {
        const kept = new Check(schema).keep(NO, value);
        if (kept === NO) return;
        const result = asked(schema, value);
        expect(!result.issues && identical(kept, copyValue(result.value))).toBe(true);
        expect(sharesObjects(kept, value)).toBe(false);
      }),
      RUNS,
    );
  });

  test("keeps of a state what fits as it is, and its library agrees", () => {
    fc.assert(
      fc.property(withValue, ([schema, value]) => {
        const kept = new Check(schema, { anyOrder: true }).keep(NO, value);
        if (kept === NO) return;
        const result = asked(schema, value);
        expect(!result.issues && firstDifference(result.value, copyValue(value))).toBe(undefined);
        expect(identical(kept, copyValue(value))).toBe(true);
      }),
      RUNS,
    );
  });

  test("keeps from before what has not changed, and comes to the same as without; before stays as it was", () => {
    fc.assert(
      fc.property(withTwo, ([schema, first, second]) => {
        const check = new Check(schema, { anyOrder: true });
        const before = check.keep(NO, first);
        if (before === NO) return;
        const snapshot = copyValue(before);
        const after = check.keep(before, second);
        const anew = check.keep(NO, second);
        expect(identical(before, snapshot)).toBe(true);
        if (anew === NO) return expect(after).toBe(NO);
        expect(sorted(after)).toEqual(sorted(anew));
        expect(check.keep(before, copyValue(before))).toBe(before);
        expect(sharesObjects(after, second)).toBe(false);
      }),
      RUNS,
    );
  });

  test("changes one item of many, and all others stay the same objects", () => {
    const schema = z.strictObject({ items: z.array(z.object({ id: z.int(), tags: z.array(z.string()) })) });
    const check = new Check(schema, { anyOrder: true });
    const state = { items: Array.from({ length: 100 }, (_, id) => ({ tags: ["a"], id })) };
    const before = check.keep(NO, state) as typeof state;
    state.items[50]?.tags.push("b");
    const after = check.keep(before, state) as typeof state;
    expect(after.items.filter((item, at) => item !== before.items[at])).toEqual([
      { id: 50, tags: ["a", "b"] },
    ]);
    expect(before.items[50]).toEqual({ id: 50, tags: ["a"] });
    state.items.pop();
    expect((check.keep(after, state) as typeof state).items).toEqual(after.items.slice(0, 99));
  });

  test("of a value that is another one each time it is read keeps what was looked at", () => {
    let reads = 0;
    const fickle = {
      get a(): unknown {
        return ++reads === 1 ? 1 : "no number";
      },
    };
    expect(new Check(z.strictObject({ a: z.number() })).keep(NO, fickle)).toEqual({ a: 1 });
  });

  test("leaves what has too many parts to whoever counts them", () => {
    const check = new Check(z.array(z.number()));
    expect(check.keep(NO, new Array(100_001).fill(1))).toBe(NO);
  });
});

describe("zodPattern()", () => {
  const known: [string, Schema][] = [
    ["a counter", z.strictObject({ count: z.number().int() })],
    [
      "an object with all sorts",
      z.object({ a: z.string().min(1).optional(), b: z.boolean().nullable(), c: z.null() }),
    ],
    ["a record of lists", z.record(z.string(), z.array(z.int()))],
    ["texts of a form", z.email()],
    ["a union of scalars", z.union([z.string(), z.number(), z.null()])],
    [
      "objects by a key",
      z.discriminatedUnion("t", [z.object({ t: z.literal(1) }), z.object({ t: z.literal(2) })]),
    ],
    [
      "bytes, dates, maps and sets",
      z.object({ a: z.instanceof(Uint8Array), b: z.map(z.string(), z.date()), c: z.set(z.int()) }),
    ],
    ["a branded one with words about it", z.string().brand("id").describe("an id").meta({ title: "Id" })],
  ];
  test.each(known)("knows %s", (_, schema) => {
    expect(zodPattern(schema, false)).toBeDefined();
  });

  const unknown: [string, unknown][] = [
    ["a transform", z.object({ a: z.string().transform(Number) })],
    ["a default", z.object({ a: z.number().default(1) })],
    ["a prefault", z.object({ a: z.number().prefault(1) })],
    ["a catch", z.object({ a: z.number().catch(1) })],
    ["a refinement", z.array(z.number().refine((value) => value !== 7))],
    ["a refinement of an object", z.object({ a: z.number() }).refine(() => false)],
    ["coercion", z.coerce.number()],
    ["a trimmed text", z.string().trim()],
    ["a pipe", z.string().pipe(z.string())],
    ["a readonly one, which the library freezes", z.object({ a: z.number() }).readonly()],
    ["one that is lazy", z.lazy(() => z.number())],
    ["a custom one", z.custom((value) => value === 1)],
    ["an instance of a class", z.instanceof(Point)],
    ["a text of a form by code", z.stringFormat("x", () => true)],
    ["a record of certain keys", z.record(z.enum(["a", "b"]), z.number())],
    [
      "a union of objects that drop keys",
      z.union([z.object({ a: z.number() }), z.object({ b: z.number() })]),
    ],
    ["exactly one of two", z.xor([z.string(), z.number()])],
    ["an intersection", z.intersection(z.object({ a: z.number() }), z.object({ b: z.number() }))],
    ["a key that is a symbol", z.object({ [Symbol.iterator]: z.number() } as never)],
    ["a key that every object has", z.object({ toString: z.number().optional() })],
    ["a key __proto__", z.object({ ["__proto__"]: z.number() })],
    [
      "another library's",
      { "~standard": { version: 1, vendor: "other", validate: (value: unknown) => ({ value }) } },
    ],
    ["a word of a later release", withWord(z.number())],
  ];
  test.each(unknown)("leaves %s to its library", (_, schema) => {
    expect(zodPattern(schema, false)).toBe(undefined);
  });

  test("leaves a schema that names itself to its library", () => {
    const tree = z.object({
      value: z.number(),
      get left() {
        return tree.optional();
      },
    });
    expect(zodPattern(tree, false)).toBe(undefined);
    expect(new Check(tree).validate({ value: 1, left: { value: 2 } })).toEqual({
      value: { value: 1, left: { value: 2 } },
    });
  });

  test("makes no code from text", () => {
    const { Function: real } = globalThis;
    const refuse = () => {
      throw new Error("code from text is not allowed here");
    };
    let pattern: Pattern | undefined;
    const schema = z.strictObject({ list: z.array(z.object({ a: z.string().max(3) })) });
    try {
      globalThis.Function = refuse as unknown as FunctionConstructor;
      pattern = zodPattern(schema, false);
      expect(pattern?.fits({ list: [{ a: "abc" }] })).toBe(true);
      expect(pattern?.fits({ list: [{ a: "abcd" }] })).toBe(false);
    } finally {
      globalThis.Function = real;
    }
  });
});

/** A definition with a word in it that nobody knows. */
function withWord(schema: z.ZodType): z.ZodType {
  Object.assign(schema._zod.def, { rounding: "half-even" });
  return schema;
}

/** The same with the keys of objects in one order. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array)
    return value;
  if (Array.isArray(value)) return value.map(sorted);
  if (value instanceof Map) return { map: [...value].map(sorted) };
  if (value instanceof Set) return { set: [...value].map(sorted) };
  return Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, part]) => [key, sorted(part)]);
}

function objectsIn(value: unknown, into: Set<object> = new Set()): Set<object> {
  if (typeof value !== "object" || value === null) return into;
  into.add(value);
  const parts =
    value instanceof Map ? [...value].flat(1) : value instanceof Set ? [...value] : Object.values(value);
  for (const part of parts) objectsIn(part, into);
  return into;
}

function sharesObjects(one: unknown, other: unknown): boolean {
  const others = objectsIn(other);
  return [...objectsIn(one)].some((part) => others.has(part));
}

describe("keep() of many small objects", () => {
  const item = z.strictObject({ id: z.string(), stock: z.number().int(), note: z.string().nullable() });
  type Item = z.infer<typeof item>;
  const make = (id: string): Item => ({ id, stock: 1, note: null });
  const kinds = {
    list: {
      check: new Check(z.array(item), { anyOrder: true }),
      of: (items: readonly unknown[]): unknown => [...items],
      at: (kept: unknown, i: number): unknown => (kept as unknown[])[i],
    },
    record: {
      check: new Check(z.record(z.string(), item), { anyOrder: true }),
      of: (items: readonly unknown[]): unknown => Object.fromEntries(items.map((each, i) => [`k${i}`, each])),
      at: (kept: unknown, i: number): unknown => (kept as Record<string, unknown>)[`k${i}`],
    },
    map: {
      check: new Check(z.map(z.string(), item), { anyOrder: true }),
      of: (items: readonly unknown[]): unknown => new Map(items.map((each, i) => [`k${i}`, each])),
      at: (kept: unknown, i: number): unknown => (kept as Map<string, unknown>).get(`k${i}`),
    },
  };
  for (const [name, { check, of, at }] of Object.entries(kinds)) {
    const first = () => {
      const items = [make("a"), make("b"), make("c")];
      return { items, kept: check.keep(NO, of(items)) };
    };

    test(`in a ${name} takes over what has not changed, and copies what has`, () => {
      const { items, kept } = first();
      expect(check.keep(kept, of(items))).toBe(kept);
      (items[1] as Item).stock++;
      const next = check.keep(kept, of(items));
      expect([at(next, 0) === at(kept, 0), at(next, 1), at(next, 2) === at(kept, 2)]).toEqual([
        true,
        { id: "b", stock: 2, note: null },
        true,
      ]);
      expect(at(kept, 1)).toEqual({ id: "b", stock: 1, note: null });
      expect(at(next, 1)).not.toBe(items[1]);
    });

    test(`in a ${name} sees what is not one of them any more, though all that it had is there`, () => {
      const { items, kept } = first();
      const [a] = items as [Item];
      const strange: unknown[] = [
        { ...a, more: 1 },
        { id: a.id, stock: a.stock },
        Object.defineProperty({ id: a.id, stock: a.stock, more: 1 }, "note", {
          value: null,
          enumerable: false,
        }),
        Object.assign(Object.create({ inherited: true }), a),
        Object.assign([], a),
        { ...a, stock: 0.5 },
        null,
        "a",
      ];
      for (const one of strange) expect(check.keep(kept, of([one, items[1]]))).toBe(NO);
      expect(check.keep(kept, of([{ note: null, stock: 1, id: "a" }, items[1], items[2]]))).toBe(kept);
    });
  }
});
