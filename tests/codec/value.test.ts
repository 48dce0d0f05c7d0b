import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EncodeError } from "../../errors.ts";
import { createCodec } from "../../codec/codec.ts";
import { firstDifference, sameValue } from "../../codec/difference.ts";
import { checkValue, copyValue } from "../../codec/value.ts";
import { hex, nested, travelling } from "./values.ts";

class Point {
  x = 1;
}

const cycle: Record<string, unknown> = {};
cycle.self = { again: cycle };

const LONE = "a\uD800";

/** What must not travel, where that is found, and a word of the reason. */
const REFUSED: readonly [string, unknown, string, string][] = [
  ["a function", { a: [1, () => 1] }, "a[1]", "a function"],
  ["a symbol", Symbol("x"), "", "a symbol"],
  ["a class instance", { at: { point: new Point() } }, "at.point", '"Point"'],
  ["an error", [new TypeError("x")], "[0]", '"TypeError"'],
  ["a promise", { p: Promise.resolve() }, "p", '"Promise"'],
  ["a regular expression", { "a b": /x/ }, '["a b"]', '"RegExp"'],
  ["another typed array", [new Float64Array(1)], "[0]", '"Float64Array"'],
  ["a boxed number", [Object(1)], "[0]", '"Number"'],
  ["a subclass of Map", new (class Special extends Map {})(), "", '"Special"'],
  ["a false date", Object.create(Date.prototype), "", "an invalid or too distant date"],
  ["an invalid date", { when: new Date(Number.NaN) }, "when", "an invalid or too distant date"],
  ["a date beyond the range", [new Date(2 ** 42 * 1000 + 1)], "[0]", "too distant date"],
  ["a lone surrogate", { text: [LONE] }, "text[0]", "lone surrogate"],
  ["a lone surrogate in a key", { inner: { [LONE]: 1 } }, "inner", "lone surrogate"],
  ["a bigint of 65 bytes", [1n << 512n], "[0]", "64 bytes"],
  ["a negative bigint of 65 bytes", [-(1n << 512n) - 1n], "[0]", "64 bytes"],
  ["a key __proto__", JSON.parse('{"a":{"__proto__":{"x":1}}}'), "a", "__proto__"],
  ["65 levels", nested(65), "[0]".repeat(64), "64 levels"],
  ["a cycle", cycle, "self.again".concat(".self.again".repeat(31)), "cycle"],
  ["too many items", Array.from({ length: 100_000 }), "[99999]", "100000 values"],
  ["a function among a set", new Set([1, () => 1]), "[1]", "a function"],
  ["a function as a key of a map", new Map([[() => 1, 1]]), "key(0)", "a function"],
  ["a function in a map", new Map([["a", () => 1]]), "a", "a function"],
];

function refusalOf(run: () => unknown): EncodeError {
  try {
    run();
  } catch (error) {
    if (error instanceof EncodeError) return error;
    throw error;
  }
  throw new Error("expected an EncodeError, but nothing was thrown");
}

describe("value", () => {
  const codec = createCodec();

  test("copyValue() gives what an encode and a decode give when anything travels", () => {
    fc.assert(
      fc.property(travelling, (value) => {
        const copy = copyValue(value);
        const arrived = codec.decode(codec.encode(value));
        expect(firstDifference(copy, arrived)).toBeUndefined();
        expect(hex(codec.encode(copy))).toBe(hex(codec.encode(value)));
        expect(firstDifference(value, copy)).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  test("copyValue() shares nothing when containers are copied", () => {
    const value = { list: [{ a: 1 }], map: new Map([["k", { b: 1 }]]), set: new Set([1]), date: new Date(5) };
    const bytes = Uint8Array.from([1, 2]);
    const copy = copyValue({ ...value, bytes });
    (value.list[0] as { a: number }).a = 2;
    (value.map.get("k") as { b: number }).b = 2;
    value.set.add(2);
    value.date.setTime(6);
    bytes.fill(0);
    expect(copy).toEqual({
      list: [{ a: 1 }],
      map: new Map([["k", { b: 1 }]]),
      set: new Set([1]),
      date: new Date(5),
      bytes: Uint8Array.from([1, 2]),
    });
  });

  test("copyValue() gives the documented form when a value has another", () => {
    const copy = copyValue([
      -0,
      Object.assign(Object.create(null), { a: 1 }),
      new Array(1),
      Buffer.from([7]),
    ]) as unknown[];
    expect(Object.is(copy[0], 0)).toBe(true);
    expect(Object.getPrototypeOf(copy[1])).toBe(Object.prototype);
    expect(0 in (copy[2] as unknown[])).toBe(true);
    expect(Object.getPrototypeOf(copy[3])).toBe(Uint8Array.prototype);
    const shared = { a: 1 };
    const twice = copyValue([shared, shared]);
    expect(twice[0]).not.toBe(twice[1]);
  });

  test.each(REFUSED)("checkValue(), copyValue() and encode() refuse %s", (_what, value, path, reason) => {
    for (const run of [checkValue, copyValue, codec.encode]) {
      const error = refusalOf(() => run(value));
      expect(error.path).toBe(path);
      expect(error.message).toContain(reason);
    }
  });

  test("checkValue() accepts the largest that may travel", () => {
    const most = [nested(64), Array.from({ length: 99_999 }), (1n << 512n) - 1n, -(1n << 512n)];
    for (const value of most) {
      checkValue(value);
      expect(sameValue(codec.decode(codec.encode(value)), value)).toBe(true);
    }
  });

  test("firstDifference() says where when two values differ", () => {
    const base = () => ({
      items: [{ name: "a" }],
      tags: new Set([1]),
      by: new Map([["x", 1]]),
      at: new Date(1),
    });
    expect(firstDifference(base(), base())).toBeUndefined();
    expect(firstDifference({ ...base(), more: undefined }, base())).toBeUndefined();
    const cases: [object, string][] = [
      [{ ...base(), items: [{ name: "b" }] }, "items[0].name"],
      [{ ...base(), items: [] }, "items[0]"],
      [{ ...base(), items: { 0: { name: "a" } } }, "items"],
      [{ ...base(), tags: new Set([2]) }, "tags[0]"],
      [{ ...base(), tags: [1] }, "tags"],
      [{ ...base(), by: new Map([["y", 1]]) }, "by.keys[0]"],
      [{ ...base(), by: new Map([["x", 2]]) }, "by.values[0]"],
      [{ ...base(), at: new Date(2) }, "at"],
      [{ ...base(), more: 1 }, "more"],
      [{ ...base(), "a b": 1 }, '["a b"]'],
    ];
    for (const [other, path] of cases) {
      expect(firstDifference(base(), other)).toBe(path);
      expect(firstDifference(other, base())).toBe(path);
    }
    expect(firstDifference(1, "1")).toBe("");
    expect(firstDifference({}, { toString: 1 })).toBe("toString");
  });
});
