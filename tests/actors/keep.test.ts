// Which actors are kept alive, as a program says it.
import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { Actor, ConfigurationError, defineActor, host } from "../../mod.ts";
import { KEPT_MAX, keepMark, type KeepOption, keptNames } from "../../actors/supervision/keep.ts";

const options = { state: z.strictObject({}), stateVersion: 1, messages: {} };
const InMemory = defineActor("lamp", options);
const Stored = defineActor("lamp", { ...options, durability: "stored" });

class LampActor extends Actor<typeof InMemory> {
  static initialState() {
    return {};
  }
}

function refusal(keep: unknown): string {
  try {
    host(InMemory, LampActor, { keep: keep as KeepOption });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error(`expected a refusal of ${JSON.stringify(keep)}`);
}

describe("host() with actors that are kept alive", () => {
  test("takes names, a number of them, and all of a stored kind", () => {
    expect(keptNames(InMemory, ["a", "b"])).toEqual(new Set(["a", "b"]));
    expect(keptNames(InMemory, { count: 3 })).toEqual(new Set(["0", "1", "2"]));
    expect(keptNames(InMemory, { count: 0 })).toEqual(new Set());
    expect(keptNames(Stored, "all")).toBe("all");
    expect(host(InMemory, LampActor).register(undefined).keep).toBe(undefined);
  });

  test("refuses what cannot be kept, with the value and the rule", () => {
    const start = 'Cannot keep actors of kind "lamp" by ';
    expect(refusal(["a", ""])).toBe(`${start}name "": it is empty`);
    expect(refusal(["a", "b", "a"])).toBe(`${start}name "a": it is given twice`);
    expect(refusal(["\ud800"])).toContain("it is a string with a lone surrogate");
    expect(refusal([7])).toBe(`${start}name of type number: it is not a string`);
    expect(refusal(["x".repeat(5_000)])).toContain("it is longer than ");
    expect(refusal({ count: -1 })).toBe(`${start}count -1: it must be a whole number from 0 to 100000`);
    for (const count of [1.5, Number.NaN, KEPT_MAX + 1, "3"])
      expect(refusal({ count })).toBe(
        `${start}count ${String(count)}: it must be a whole number from 0 to 100000`,
      );
    expect(refusal(Array.from({ length: KEPT_MAX + 1 }, (_, i) => `n${i}`))).toContain("100000 are the most");
    expect(refusal("all")).toContain('by "all": it lives in memory');
    for (const other of ["some", {}, { counts: 3 }, { count: 1, more: 2 }, 7, null])
      expect(refusal(other)).toContain('it must be a list of names, { count }, or "all"');
  });

  test("refuses an option that it does not have", () => {
    const given = { keeps: ["a"] } as object;
    expect(() => host(InMemory, LampActor, given)).toThrow(
      '"keeps" is no option of host(); those are "keep", "subscriptions"',
    );
  });
});

describe("keepMark()", () => {
  test("is the same where the same actors are kept, in whatever order", () => {
    const of = (keep: KeepOption) => keepMark(keptNames(Stored, keep));
    expect(keepMark(undefined)).toBe(undefined);
    expect(of(["a", "b"])).toBe(of(["b", "a"]) as string);
    expect(of(["0", "1"])).toBe(of({ count: 2 }) as string);
    expect(new Set([of(["a,b"]), of(["a", "b"]), of(["ab"]), of([]), of("all")]).size).toBe(5);
    expect((of({ count: KEPT_MAX }) as string).length).toBeLessThan(65);
  });
});
