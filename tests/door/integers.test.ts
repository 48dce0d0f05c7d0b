import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { fitIntegers, numbersOnly } from "../../door/integers.ts";
import { createCodec } from "../../codec/codec.ts";

const codec = createCodec();
const MS = 1_700_000_000_123;

/** An integer in its shortest form, as encoders of other languages write it. */
function shortest(value: bigint): number[] {
  const major = value < 0n ? 0x20 : 0;
  const size = value < 0n ? -1n - value : value;
  if (size < 24n) return [major | Number(size)];
  const width = size < 2n ** 8n ? 1 : size < 2n ** 16n ? 2 : size < 2n ** 32n ? 4 : 8;
  const bytes = Array.from({ length: width }, (_, i) =>
    Number((size >> BigInt(8 * (width - 1 - i))) & 0xffn),
  );
  return [major | (24 + Math.log2(width)), ...bytes];
}
const text = (word: string) => [0x60 | word.length, ...new TextEncoder().encode(word)];
const decoded = (...bytes: number[]) => codec.decode(new Uint8Array(bytes));

describe("an integer of a foreign encoder at the door", () => {
  const edges = [0n, 23n, 255n, 2n ** 32n - 1n, 2n ** 32n, BigInt(MS), 2n ** 53n - 1n].flatMap((n) => [
    n,
    -n,
  ]);

  test("is a number where the schema wants one, whatever its size and sign", () => {
    for (const n of edges) expect(fitIntegers(z.number(), decoded(...shortest(n)))).toBe(Number(n));
  });

  test("is a bigint where the schema wants one, also a small one", () => {
    for (const n of [...edges, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 64n)])
      expect(fitIntegers(z.bigint(), decoded(...shortest(n)))).toBe(n);
  });

  test("is no number where a number cannot hold it", () => {
    for (const n of [2n ** 53n, 2n ** 64n - 1n, -(2n ** 53n)])
      expect(fitIntegers(z.number(), decoded(...shortest(n)))).toBe(n);
  });

  test("stays what it was where the schema takes both, or neither", () => {
    for (const schema of [z.unknown(), z.union([z.number(), z.bigint()]), z.string()]) {
      expect(fitIntegers(schema, decoded(...shortest(BigInt(MS))))).toBe(BigInt(MS));
      expect(fitIntegers(schema, decoded(...shortest(7n)))).toBe(7);
    }
  });

  test("is found in arrays, objects and unions, each by its own place", () => {
    const bytes = [
      0xa2,
      ...text("at"),
      0x82,
      ...shortest(BigInt(MS)),
      ...shortest(5n),
      ...text("id"),
      ...shortest(5n),
    ];
    const plain = z.object({ at: z.array(z.number()), id: z.bigint() });
    expect(fitIntegers(plain, decoded(...bytes))).toEqual({ at: [MS, 5], id: 5n });
    const numbers = z.union([z.string(), z.object({ at: z.array(z.number()), id: z.number() })]);
    expect(fitIntegers(numbers, decoded(...bytes))).toEqual({ at: [MS, 5], id: 5 });
    const bigints = z.union([z.string(), z.object({ at: z.array(z.bigint()), id: z.bigint() })]);
    expect(fitIntegers(bigints, decoded(...bytes))).toEqual({ at: [BigInt(MS), 5n], id: 5n });
  });

  test("is found in maps and sets", () => {
    const map = z.map(z.string(), z.number());
    expect(fitIntegers(map, new Map([["a", BigInt(MS)]]))).toEqual(new Map([["a", MS]]));
    expect(fitIntegers(z.set(z.number()), new Set([BigInt(MS), 1]))).toEqual(new Set([MS, 1]));
    expect(fitIntegers(z.map(z.bigint(), z.date()), new Map([[3, new Date(0)]]))).toEqual(
      new Map([[3n, new Date(0)]]),
    );
  });

  test("costs little, however many there are", () => {
    const many = Array.from({ length: 50_000 }, () => BigInt(MS));
    const startedAt = performance.now();
    expect(fitIntegers(z.array(z.number()), many)).toEqual(many.map(Number));
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test("is left to the owner where a schema throws or waits", () => {
    const odd = (validate: () => never) =>
      ({ "~standard": { version: 1, vendor: "test", validate } }) as const;
    const throws = odd(() => {
      throw new Error("on purpose");
    });
    expect(fitIntegers(throws, BigInt(MS))).toBe(BigInt(MS));
    expect(
      fitIntegers(
        z.number().refine(() => Promise.resolve(true)),
        1,
      ),
    ).toBe(1);
  });

  test("becomes a number where no schema is known, if a number can hold it", () => {
    const given = {
      a: [BigInt(MS), 2n ** 60n],
      m: new Map([[BigInt(MS), 1n]]),
      b: new Uint8Array(2),
      d: new Date(1),
    };
    const seen = { a: [MS, 2n ** 60n], m: new Map([[MS, 1]]), b: new Uint8Array(2), d: new Date(1) };
    expect(numbersOnly(given)).toEqual(seen);
  });
});

describe("a value of our own encoder at the door", () => {
  test("arrives as it was sent, if it fits the schema as it is", () => {
    const row = fc.record({
      number: fc.integer(),
      time: fc.maxSafeInteger(),
      big: fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    });
    const schema = z.array(z.object({ number: z.number(), time: z.number(), big: z.bigint() }));
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const arrived = codec.decode(codec.encode(rows));
        expect(fitIntegers(schema, arrived)).toEqual(
          rows.map((each) => ({ ...each, number: each.number + 0, time: each.time + 0 })),
        );
      }),
    );
  });
});
