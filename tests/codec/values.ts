// Values for property tests: everything that may travel.
import fc from "fast-check";

const TIME_MAX = 2 ** 42 * 1000;

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(undefined, null, true, false, 0, -0, Number.NaN, 2 ** 53 + 2, -(2 ** 32), Number.MIN_VALUE),
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(1n << 512n), max: (1n << 512n) - 1n }),
  fc.string({ unit: "binary" }),
  fc.string({ unit: "binary", minLength: 60, maxLength: 80 }),
  fc.uint8Array(),
  fc.integer({ min: -TIME_MAX, max: TIME_MAX }).map((time) => new Date(time)),
);

const key: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("constructor", "then", "toString", "0", "-1", "length"),
  )
  .filter((text) => text !== "__proto__");

/** Any value that may travel, nested a few levels deep. */
export const travelling: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    leaf,
    fc.array(tie("any"), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie("any")), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(tie("any"), tie("any")), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie("any"), { maxLength: 4 }).map((values) => new Set(values)),
  ),
})).any;

/** Inner arrays around one another. */
export function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** Bytes of hexadecimal digits; spaces between them do not count. */
export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(" ", "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Hexadecimal digits of bytes. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
