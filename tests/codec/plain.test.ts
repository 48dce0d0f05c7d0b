// The short ways of the codec, held against the library and the long way.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createCodec } from "../../codec/codec.ts";
import { firstDifference } from "../../codec/difference.ts";
import { LONG_WAY, PlainDecoder } from "../../codec/plain_decoder.ts";
import { PlainEncoder } from "../../codec/plain_encoder.ts";
import { checkValue, VALUE_LIMITS, type ValueLimits } from "../../codec/value.ts";
import { hex, travelling, unhex } from "./values.ts";

const RUNS = { numRuns: 3_000, seed: 7 };
const codec = createCodec();

/** What the library writes: beside a bigint, which is left to it with all that is around it. */
function written(value: unknown): Uint8Array {
  return codec.encode([value, 0n]).slice(1, -9);
}

function byLibrary(value: unknown): string {
  return hex(written(value));
}

const number = fc.oneof(
  fc.constantFrom(0, -0, 23, 24, -24, -25, 255, 256, 65_535, 65_536, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1),
  fc.constantFrom(
    2 ** 32 - 1,
    2 ** 32,
    -(2 ** 32),
    -(2 ** 32) - 1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    0.1,
  ),
  fc.integer(),
  fc.double(),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "binary-ascii", maxLength: 300 }),
  // around the lengths at which a head becomes longer, in characters and in bytes
  fc
    .tuple(
      fc.constantFrom("x", "ü", "日", "👍"),
      fc.constantFrom(7, 8, 11, 12, 23, 24, 25, 63, 64, 85, 86, 127, 128, 255, 256),
    )
    .map(([unit, length]) => unit.repeat(length)),
  fc.string({ unit: "grapheme", maxLength: 20 }).map((rest) => `\uFEFF${rest}`),
);
const key = fc
  .oneof(text, fc.constantFrom("constructor", "toJSON", "then", "0", "-1", "length"))
  .filter((one) => one !== "__proto__");
/** What the short way is for. */
const plain: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    number,
    text,
    fc.constantFrom(true, false, null, undefined),
    fc.array(tie("any"), { maxLength: 30 }),
    fc.dictionary(key, tie("any"), { maxKeys: 30 }),
  ),
})).any;

describe("the short way to bytes", () => {
  test("writes what the library writes, byte for byte, of whatever it writes", () => {
    const encoder = new PlainEncoder(VALUE_LIMITS);
    let short = 0;
    fc.assert(
      fc.property(fc.oneof(plain, travelling), (value) => {
        const bytes = encoder.encode(value);
        if (bytes === undefined) return;
        short++;
        expect(hex(bytes)).toBe(byLibrary(value));
      }),
      RUNS,
    );
    expect(short).toBeGreaterThan(RUNS.numRuns / 2);
  });

  test("is taken by plain values of any kind, and their bytes stay what they are when many follow", () => {
    const encoder = new PlainEncoder(VALUE_LIMITS);
    const values = [1, -1, 0.5, "text", "日本", true, null, undefined, [1, [2]], { a: { b: "c" } }];
    const all = Array.from({ length: 2_000 }, (_, i) => {
      const value = values[i % values.length];
      return [value, encoder.encode(value)] as const;
    });
    for (const [value, bytes] of all) expect(bytes && hex(bytes)).toBe(byLibrary(value));
  });

  test.each([
    ["a bigint", 1n],
    ["a date", new Date(0)],
    ["bytes", new Uint8Array(2)],
    ["a map", new Map()],
    ["a set", new Set()],
    ["an object of a class", new (class Special {})()],
    ["a function", () => {}],
    ["a lone surrogate", "\uD800"],
    ["a lone surrogate in a key", { "\uD800": 1 }],
    ["a key __proto__", JSON.parse('{"__proto__":1}')],
    ["any of these inside", { a: [1, { b: 1n }] }],
    ["what is large", "x".repeat(9_000)],
  ] as const)("leaves %s to the long way, and goes on with the next", (_, value) => {
    const encoder = new PlainEncoder(VALUE_LIMITS);
    const before = encoder.encode("before");
    expect(encoder.encode(value)).toBe(undefined);
    expect([before, encoder.encode("after")].map((bytes) => bytes && hex(bytes))).toEqual([
      byLibrary("before"),
      byLibrary("after"),
    ]);
  });
});

describe("the short way from bytes", () => {
  /** What the long way makes of the same bytes: a value, or no value. */
  function byLongWay(bytes: Uint8Array): { value: unknown } | undefined {
    try {
      // in an array with a bigint, which the short way leaves to the long one
      const around = new Uint8Array([0x82, 0x1b, 0, 0, 0, 0, 0, 0, 0, 0, ...bytes]);
      return { value: (codec.decode(around) as unknown[])[1] };
    } catch {
      return undefined;
    }
  }

  test("reads what the long way reads, wherever it stands in other bytes", () => {
    const decoder = new PlainDecoder(VALUE_LIMITS);
    fc.assert(
      fc.property(plain, fc.nat(9), (value, before) => {
        const bytes = written(value);
        const within = new Uint8Array([...new Uint8Array(before), ...bytes, 0xff]);
        const read = decoder.decode(within, before, within.length - 1);
        if (read === LONG_WAY) return;
        expect(firstDifference(read, byLongWay(bytes)?.value)).toBe(undefined);
      }),
      RUNS,
    );
  });

  test("reads nothing that the long way refuses, and nothing otherwise, when bytes were changed", () => {
    const decoder = new PlainDecoder(VALUE_LIMITS);
    let short = 0;
    fc.assert(
      fc.property(fc.oneof(plain, travelling), fc.nat(), fc.nat(255), (value, at, byte) => {
        const bytes = new Uint8Array(written(value));
        bytes[at % bytes.length] = byte;
        const read = decoder.decode(bytes, 0, bytes.length);
        if (read === LONG_WAY) return;
        short++;
        const long = byLongWay(bytes);
        expect(long).toBeDefined();
        expect(firstDifference(read, long?.value)).toBe(undefined);
      }),
      RUNS,
    );
    expect(short).toBeGreaterThan(100);
  });

  test.each([
    ["nothing", ""],
    ["a byte too many", "0000"],
    ["a cut text", "6361"],
    ["a cut number", "1a0000"],
    ["a cut float", "fb0000"],
    ["text that is not UTF-8", "61ff"],
    ["a key __proto__", "a1695f5f70726f746f5f5f01"],
    ["a key that is a number", "a10101"],
    ["an indefinite array", "9f00ff"],
    ["an array that claims much", "9affffffff"],
    ["a map that claims much", "baffffffff"],
    ["a bigint", "1b0000000000000001"],
    ["a tag", "c100"],
    ["bytes", "4100"],
    ["a half float", "f93c00"],
  ])("leaves %s to the long way", (_, bytes) => {
    const given = unhex(bytes);
    expect(new PlainDecoder(VALUE_LIMITS).decode(given, 0, given.length)).toBe(LONG_WAY);
  });
});

describe("both short ways", () => {
  /** Whether a value is within the limits, by the long way. */
  function fits(value: unknown, limits: ValueLimits): boolean {
    try {
      checkValue(value, limits);
      return true;
    } catch {
      return false;
    }
  }

  test("keep to the limits of depth and of items that the long way has", () => {
    fc.assert(
      fc.property(
        plain,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 4 }),
        (value, itemsMax, depthMax) => {
          const limits = { itemsMax, depthMax };
          const within = fits(value, limits);
          if (new PlainEncoder(limits).encode(value) !== undefined) expect(within).toBe(true);
          const bytes = written(value);
          if (new PlainDecoder(limits).decode(bytes, 0, bytes.length) !== LONG_WAY) expect(within).toBe(true);
        },
      ),
      RUNS,
    );
  });
});
