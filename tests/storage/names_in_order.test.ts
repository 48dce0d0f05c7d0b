import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareNames, FirstNames } from "../../storage/names_in_order.ts";

const wellFormed = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });

function inBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

describe("compareNames()", () => {
  test("orders names as their bytes in UTF-8 are ordered", () => {
    fc.assert(
      fc.property(wellFormed, wellFormed, (a, b) => {
        expect(Math.sign(compareNames(a, b))).toBe(Math.sign(inBytes(a, b)));
      }),
    );
    expect(compareNames("\uFFFD", "👍")).toBeLessThan(0);
    expect(compareNames("a", "a\0")).toBeLessThan(0);
  });
});

describe("FirstNames", () => {
  test("are the first of a page, whatever order they come in", () => {
    const page = fc.record({
      prefix: fc.constantFrom("", "a", "ab", "é"),
      after: fc.option(wellFormed, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 20 }),
    });
    const names = fc.array(
      fc.oneof(
        wellFormed,
        wellFormed.map((rest) => `a${rest}`),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(page, names, ({ prefix, after, limit }, all) => {
        const first = new FirstNames({ prefix, after, limit });
        for (const name of all) first.offer(name);
        const wanted = [...new Set(all)]
          .filter((name) => name.startsWith(prefix) && (after === undefined || inBytes(name, after) > 0))
          .sort(inBytes)
          .slice(0, limit);
        expect(first.end()).toEqual(wanted);
      }),
    );
  });

  test("hold few of the many that come", () => {
    const first = new FirstNames({ prefix: "", after: undefined, limit: 10 });
    for (let i = 50_000; i > 0; i--) first.offer(`${i}`.padStart(6, "0"));
    expect(first.end()).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 1}`.padStart(6, "0")));
  });
});
