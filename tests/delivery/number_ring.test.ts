import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { NumberRing } from "../../delivery/number_ring.ts";

interface Model {
  readonly known: Map<number, string>;
  next: number;
}

/** What a ring goes through: numbers that rise by one or leap, ends in any order, and some that stay. */
type Step =
  | { readonly do: "add"; readonly leap: number }
  | { readonly do: "end"; readonly which: number }
  | { readonly do: "replace"; readonly which: number }
  | { readonly do: "end oldest"; readonly many: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("add" as const), leap: fc.constant(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      leap: fc.constantFrom(2, 16, 31, 64, 4_096, 2 ** 33),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("end" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replace" as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("end oldest" as const), many: fc.nat(40) }) },
);

function take(step: Step, ring: NumberRing<string>, model: Model): void {
  const numbers = [...model.known.keys()];
  const one = "which" in step ? numbers[step.which % numbers.length] : undefined;
  switch (step.do) {
    case "add": {
      model.next += step.leap;
      ring.set(model.next, `item ${model.next}`);
      model.known.set(model.next, `item ${model.next}`);
      return;
    }
    case "end":
      if (one === undefined) return;
      expect(ring.delete(one)).toBe(model.known.get(one));
      model.known.delete(one);
      return;
    case "replace":
      if (one === undefined) return;
      ring.set(one, `another ${one}`);
      model.known.set(one, `another ${one}`);
      return;
    case "end oldest":
      for (const number of numbers.slice(0, step.many)) {
        expect(ring.delete(number)).toBe(model.known.get(number));
        model.known.delete(number);
      }
  }
}

describe("NumberRing", () => {
  test("holds what a Map holds, and gives it in the order of numbers, whatever is added, ended and replaced", () => {
    fc.assert(
      fc.property(
        fc.array(steps, { maxLength: 400 }),
        fc.constantFrom(0, 7, 2 ** 31 - 5, 2 ** 32 - 5),
        (all, first) => {
          const ring = new NumberRing<string>();
          const model: Model = { known: new Map(), next: first };
          for (const step of all) {
            take(step, ring, model);
            expect(ring.size).toBe(model.known.size);
            expect(ring.get(model.next + 1)).toBe(undefined);
            expect(ring.delete(model.next + 16)).toBe(undefined);
          }
          for (const [number, item] of model.known) expect(ring.get(number)).toBe(item);
          expect([...ring]).toEqual([...model.known].sort(([a], [b]) => a - b).map(([, item]) => item));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("keeps what stays while thousands come and go", () => {
    const ring = new NumberRing<string>();
    for (const stays of [1, 17, 33]) ring.set(stays, `stays ${stays}`);
    for (let number = 34; number < 20_000; number++) {
      ring.set(number, `goes ${number}`);
      if (number >= 134) ring.delete(number - 100);
    }
    for (const stays of [1, 17, 33]) expect(ring.get(stays)).toBe(`stays ${stays}`);
    expect(ring.size).toBe(103);
  });

  test("can be changed while it is gone through", () => {
    const ring = new NumberRing<string>();
    for (let number = 1; number <= 40; number++) ring.set(number, String(number));
    const seen: string[] = [];
    for (const item of ring) {
      seen.push(item);
      ring.delete(Number(item));
      ring.set(100 + Number(item), "later");
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, at) => String(at + 1)));
    expect([...ring]).toEqual(Array.from({ length: 40 }, () => "later"));
  });
});
