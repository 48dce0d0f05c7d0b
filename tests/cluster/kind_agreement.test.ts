import { describe, expect, test } from "bun:test";
import { agreeing, type OfferedKind } from "../../cluster/kind_agreement.ts";

const cart = (more: Partial<OfferedKind> = {}): OfferedKind => {
  return { kind: "cart", shards: 16, stateVersion: 1, ...more };
};
const stored = (store?: string | null): OfferedKind => cart({ durability: "stored", store });
const memory: OfferedKind = cart({ durability: "memory" });

function refusal(offer: OfferedKind, known: Parameters<typeof agreeing>[1]): string {
  try {
    agreeing(offer, known);
  } catch (error) {
    return (error as Error).message;
  }
  return "no refusal";
}

describe("agreeing()", () => {
  test("takes the first node's word", () => {
    expect(agreeing(memory, undefined)).toEqual({ kind: "cart", shards: 16, durability: "memory" });
    const known = { kind: "cart", shards: 16, durability: "stored", store: "s1" } as const;
    expect(agreeing(stored("s1"), undefined)).toEqual(known);
    expect(agreeing(stored("s1"), known)).toEqual(known);
  });

  test("adds to a record of the release before what that did not know, and takes nothing from it", () => {
    const old = { kind: "cart", shards: 16 };
    expect(agreeing(memory, old)).toEqual({ ...old, durability: "memory" });
    expect(agreeing(stored("s1"), old)).toEqual({ ...old, durability: "stored", store: "s1" });
    expect(agreeing(cart(), { ...old, durability: "memory" })).toEqual({ ...old, durability: "memory" });
  });

  test("hands on what the record keeps for newer releases", () => {
    const known = { kind: "cart", shards: 16, durability: "memory", keep: { pinned: "moon" } } as const;
    expect(agreeing(stored("s1"), known)).toEqual({ ...known, durability: "stored", store: "s1" });
  });

  test("lets a kind go from memory to a store, and not back", () => {
    const known = { kind: "cart", shards: 16, durability: "memory" } as const;
    const next = agreeing(stored("s1"), known);
    expect(next).toEqual({ ...known, durability: "stored", store: "s1" });
    expect(refusal(memory, next)).toBe(
      'Cannot host kind "cart" in memory: in the cluster it is "stored"; leave its durability so, or give the kind another name',
    );
  });

  test("refuses a store that has states of another time beside those in memory", () => {
    const known = { kind: "cart", shards: 16, durability: "memory" } as const;
    expect(refusal({ ...stored("s1"), wasStored: true }, known)).toMatch(
      /older states; give it an empty store/,
    );
  });

  test("refuses another store, and one without an id beside one that has an id", () => {
    const known = agreeing(stored("s1"), undefined);
    expect(refusal(stored("s2"), known)).toMatch(/with store "s2": in the cluster it is store "s1"/);
    expect(refusal(stored(null), known)).toMatch(/with a store without an id: .* is store "s1"/);
    expect(agreeing(stored("s1"), agreeing(stored(null), undefined)).store).toBe("s1");
  });

  test("compares no store that is not known yet", () => {
    const known = agreeing(stored("s1"), undefined);
    expect(agreeing(stored(), known)).toEqual(known);
  });

  test("refuses another number of shards", () => {
    expect(refusal(cart({ shards: 8 }), agreeing(memory, undefined))).toMatch(
      /with 8 shards: .* is 16; host it/,
    );
  });
});
