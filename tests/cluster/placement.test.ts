import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Candidate, LOAD_MAX, place, shardOf } from "../../cluster/placement.ts";
import { id } from "./support.ts";

function nodes(count: number, weight = 1): Candidate[] {
  return Array.from({ length: count }, (_, i) => ({ id: id(`node-${i}`), weight }));
}

function names(kind: string, shards: number, candidates: readonly Candidate[]): (string | undefined)[] {
  return place(kind, shards, candidates).map((of) => of?.node);
}

const clusters = fc.record({
  kind: fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/),
  shards: fc.integer({ min: 0, max: 10 }).map((bits) => 2 ** bits),
  candidates: fc.uniqueArray(
    fc.record({
      id: fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).map((name) => id(name)),
      weight: fc.integer({ min: 1, max: 8 }),
    }),
    { minLength: 1, maxLength: 12, selector: (candidate) => candidate.id.node },
  ),
});

describe("place()", () => {
  test("gives every shard to a candidate within the bound when there is one", () => {
    fc.assert(
      fc.property(clusters, ({ kind, shards, candidates }) => {
        const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
        const load = new Map<string | undefined, number>();
        for (const name of names(kind, shards, candidates)) load.set(name, (load.get(name) ?? 0) + 1);
        expect([...load.values()].reduce((sum, count) => sum + count, 0)).toBe(shards);
        expect(load.has(undefined)).toBe(false);
        for (const { id: of, weight } of candidates) {
          expect(load.get(of.node) ?? 0).toBeLessThanOrEqual(Math.ceil((LOAD_MAX * shards * weight) / total));
        }
      }),
    );
  });

  test("gives the same answer when the candidates come in another order", () => {
    fc.assert(
      fc.property(
        clusters.chain((c) =>
          fc.tuple(fc.constant(c), fc.shuffledSubarray(c.candidates, { minLength: c.candidates.length })),
        ),
        ([{ kind, shards, candidates }, shuffled]) => {
          expect(names(kind, shards, shuffled)).toEqual(names(kind, shards, candidates));
        },
      ),
    );
  });

  test("gives a node its shards back when it restarts as another incarnation", () => {
    const restarted = nodes(5).map((one, i) => (i === 2 ? { ...one, id: id("node-2", 9) } : one));
    expect(names("cart", 256, restarted)).toEqual(names("cart", 256, nodes(5)));
    expect(place("cart", 256, restarted).find((of) => of?.node === "node-2")).toEqual(id("node-2", 9));
  });

  test("gives nothing to weight 0, and undefined everywhere when nobody is left", () => {
    expect(new Set(names("cart", 64, [...nodes(2), { id: id("idle"), weight: 0 }]))).toEqual(
      new Set(["node-0", "node-1"]),
    );
    expect(names("cart", 2, [])).toEqual([undefined, undefined]);
    expect(names("cart", 2, nodes(3, 0))).toEqual([undefined, undefined]);
  });

  test("shares by weight when weights differ", () => {
    const load = names("cart", 4_096, [
      { id: id("big"), weight: 3 },
      { id: id("small"), weight: 1 },
    ]);
    const big = load.filter((name) => name === "big").length;
    expect(Math.abs(big - 3_072)).toBeLessThan(310);
  });

  // Measured over 20 kinds and each node leaving: on average 0.2 % of all shards beyond the needed third move at
  // 256 shards and 3 nodes, 1.7 % at 16 nodes, 0.1 % at 4,096 shards and 20 nodes; at worst 2.0, 3.9 and 0.5 %.
  test("moves few shards beyond those that must when a node leaves or joins", () => {
    for (const [shards, count, most] of [
      [256, 3, 0.03],
      [256, 16, 0.06],
      [4_096, 20, 0.01],
    ] as const) {
      const before = names("cart", shards, nodes(count));
      for (let gone = 0; gone < count; gone++) {
        const after = names(
          "cart",
          shards,
          nodes(count).filter((_, i) => i !== gone),
        );
        const beyond = before.filter((name, i) => name !== `node-${gone}` && name !== after[i]).length;
        expect(beyond / shards).toBeLessThanOrEqual(most);
      }
    }
  });

  test("answers the same on every runtime and release when asked for a fixed cluster", () => {
    const mixed = nodes(4).map((one, i) => ({ ...one, weight: 1 + i / 3 }));
    const digits = names("cart", 64, mixed)
      .map((name) => name?.at(-1))
      .join("");
    expect(digits).toBe("3313330100200130132133112311231201222212200313232012333212300233");
  });

  test("throws when the shard count is not a power of two", () => {
    expect(() => place("cart", 3, nodes(1))).toThrow('Cannot place shards of "cart": their number is 3');
  });
});

describe("shardOf()", () => {
  test("stays in range and spreads evenly when names are alike", () => {
    for (const shards of [1, 2, 16, 4_096]) {
      const load = new Array<number>(shards).fill(0);
      for (let i = 0; i < 20_000; i++) (load as number[])[shardOf("cart", `user-${i}`, shards)]!++;
      expect(load.length).toBe(shards);
      if (shards === 16) expect(Math.max(...load) - Math.min(...load)).toBeLessThan(250);
    }
  });

  test("splits each shard in place when the count doubles", () => {
    for (let i = 0; i < 1_000; i++) {
      expect(shardOf("cart", `n${i}`, 512) >> 1).toBe(shardOf("cart", `n${i}`, 256));
    }
  });
});
