import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Candidate, place, shardOf, type Standing } from "../../../cluster/placement/placement.ts";
import type { NodeId } from "../../../cluster/records/schemas.ts";
import { id } from "../support.ts";

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

/** What a cluster looks like after that: the owners by shard. */
type Owners = readonly (NodeId | undefined)[];

function standing(owners: Owners, more: Omit<Standing, "ownerOf"> = {}): Standing {
  return { ownerOf: (shard) => owners[shard], ...more };
}

function loads(owners: Owners): Map<string | undefined, number> {
  const load = new Map<string | undefined, number>();
  for (const owner of owners) load.set(owner?.node, (load.get(owner?.node) ?? 0) + 1);
  return load;
}

/** Shards that have another owner than before. */
function moved(before: Owners, after: Owners): number[] {
  return before.flatMap((owner, shard) => (owner?.node === after[shard]?.node ? [] : [shard]));
}

/** The same with one weight for all. */
const evenClusters = clusters.map(({ candidates, ...rest }) => ({
  ...rest,
  candidates: candidates.map((one) => ({ ...one, weight: 3 })),
}));

/** A cluster in which nodes of chance have shards of chance; some are nobody's, some of nodes that are not there any more. */
const standsOf = (some: typeof clusters) =>
  some.chain(({ kind, shards, candidates }) =>
    fc.record({
      kind: fc.constant(kind),
      shards: fc.constant(shards),
      candidates: fc.constant(candidates),
      owners: fc.array(fc.constantFrom(undefined, id("former"), ...candidates.map((one) => one.id)), {
        minLength: shards,
        maxLength: shards,
      }),
    }),
  );
const stands = standsOf(clusters);
const evenStands = standsOf(evenClusters);

describe("place()", () => {
  test("gives every shard to a candidate, and each its share to the shard, whoever had what", () => {
    fc.assert(
      fc.property(stands, ({ kind, shards, candidates, owners }) => {
        const load = loads(place(kind, shards, candidates, standing(owners)));
        const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
        expect([...load.values()].reduce((sum, count) => sum + count, 0)).toBe(shards);
        expect(load.has(undefined)).toBe(false);
        for (const { id: of, weight } of candidates) {
          const fair = (shards * weight) / total;
          expect(Math.abs((load.get(of.node) ?? 0) - fair)).toBeLessThan(1.000001);
        }
      }),
    );
  });

  test("is at rest: what it gives comes out again", () => {
    fc.assert(
      fc.property(stands, ({ kind, shards, candidates, owners }) => {
        const once = place(kind, shards, candidates, standing(owners));
        expect(place(kind, shards, candidates, standing(once))).toEqual(once);
      }),
    );
  });

  test("never takes a shard from a node that has no more than its share", () => {
    fc.assert(
      fc.property(stands, ({ kind, shards, candidates, owners }) => {
        const after = place(kind, shards, candidates, standing(owners));
        const [had, has] = [loads(owners), loads(after)];
        for (const shard of moved(owners, after)) {
          const from = owners[shard];
          if (!candidates.some(({ id: of }) => of === from)) continue;
          expect(had.get(from?.node) ?? 0).toBeGreaterThan(has.get(from?.node) ?? 0);
        }
      }),
    );
  });

  test("gives the same answer when the candidates come in another order", () => {
    fc.assert(
      fc.property(
        stands.chain((c) =>
          fc.tuple(fc.constant(c), fc.shuffledSubarray(c.candidates, { minLength: c.candidates.length })),
        ),
        ([{ kind, shards, candidates, owners }, shuffled]) => {
          expect(place(kind, shards, shuffled, standing(owners))).toEqual(
            place(kind, shards, candidates, standing(owners)),
          );
        },
      ),
    );
  });

  test("moves what a node that joins is given, and nothing else", () => {
    fc.assert(
      fc.property(evenStands, ({ kind, shards, candidates, owners }) => {
        const before = place(kind, shards, candidates, standing(owners));
        const joining = { id: id("zz-new"), weight: 3 };
        const after = place(kind, shards, [...candidates, joining], standing(before));
        for (const shard of moved(before, after)) expect(after[shard]).toEqual(joining.id);
      }),
    );
  });

  test("moves what a node that leaves had, and nothing else", () => {
    fc.assert(
      fc.property(evenStands, ({ kind, shards, candidates, owners }) => {
        fc.pre(candidates.length > 1);
        const before = place(kind, shards, candidates, standing(owners));
        const [gone, ...left] = candidates;
        const after = place(kind, shards, left, standing(before));
        for (const shard of moved(before, after)) expect(before[shard]).toEqual(gone?.id as NodeId);
      }),
    );
  });

  test("gives a node most of its shards back when it restarts, also as another incarnation", () => {
    const before = place("cart", 256, nodes(5));
    const without = place(
      "cart",
      256,
      nodes(5).filter((_, i) => i !== 2),
      standing(before),
    );
    const restarted = nodes(5).map((one, i) => (i === 2 ? { ...one, id: id("node-2", 9) } : one));
    const after = place("cart", 256, restarted, standing(without));
    const back = after.filter((owner, i) => owner?.node === "node-2" && before[i]?.node === "node-2").length;
    expect(loads(after).get("node-2")).toBeGreaterThanOrEqual(51);
    expect(back).toBeGreaterThan(35);
    expect(after.find((of) => of?.node === "node-2")).toEqual(id("node-2", 9));
  });

  test("gives nothing to weight 0, and undefined everywhere when nobody is left", () => {
    expect(new Set(names("cart", 64, [...nodes(2), { id: id("idle"), weight: 0 }]))).toEqual(
      new Set(["node-0", "node-1"]),
    );
    expect(names("cart", 2, [])).toEqual([undefined, undefined]);
    expect(names("cart", 2, nodes(3, 0))).toEqual([undefined, undefined]);
  });

  test("does not give all kinds of one shard to one node", () => {
    const owners = Array.from({ length: 60 }, (_, i) => names(`kind${i}`, 1, nodes(3))[0]);
    for (const one of nodes(3))
      expect(owners.filter((name) => name === one.id.node).length).toBeGreaterThan(8);
  });

  test("answers the same on every runtime and release when asked for a fixed cluster", () => {
    const mixed = nodes(4).map((one, i) => ({ ...one, weight: 1 + i / 3 }));
    const digits = (owners: Owners) => owners.map((owner) => owner?.node.at(-1) ?? "-").join("");
    const first = place("cart", 64, mixed);
    expect(digits(first)).toBe("3313330100200130132133112311231201222212200313232012333232303232");
    expect(digits(place("cart", 64, nodes(5), standing(first)))).toBe(
      "3310330100400130144133112441231201222212200313234012430442304244",
    );
  });

  test("throws when the shard count is not a power of two", () => {
    expect(() => place("cart", 3, nodes(1))).toThrow('Cannot place shards of "cart": their number is 3');
  });
});

describe("place(), with keepers", () => {
  const before = place("cart", 64, nodes(4));

  test("leaves them what they have, and shares the rest among the candidates", () => {
    const keepers = nodes(2).map((one) => one.id);
    const after = place("cart", 64, nodes(4).slice(2), standing(before, { keepers }));
    expect(after).toEqual(before);
  });

  test("gives them nothing that becomes free", () => {
    const keepers = [id("node-0")];
    const after = place("cart", 64, [nodes(4)[1] as Candidate], standing(before, { keepers }));
    expect(loads(after)).toEqual(
      new Map([
        ["node-0", 16],
        ["node-1", 48],
      ]),
    );
  });

  test("moves each shard once when nodes are replaced one by one, in whatever order", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 6 }).chain((count) =>
          fc.tuple(
            fc.constant(count),
            fc.shuffledSubarray(
              nodes(count).map((one) => one.id),
              { minLength: count },
            ),
          ),
        ),
        fc.integer({ min: 3, max: 9 }).map((bits) => 2 ** bits),
        ([count, order], shards) => {
          let owners = place("cart", shards, nodes(count));
          const moves = new Array<number>(shards).fill(0);
          const successors: Candidate[] = [];
          for (const [at] of order.entries()) {
            successors.push({ id: id(`new-${at}`), weight: 1 });
            for (const keepers of [order.slice(at), order.slice(at + 1)]) {
              const after = place(
                "cart",
                shards,
                successors,
                standing(owners, { keepers, isFrozen: keepers.length > 0 }),
              );
              for (const shard of moved(owners, after)) (moves[shard] as number)++;
              owners = after;
            }
          }
          expect(moves.every((times) => times === 1)).toBe(true);
        },
      ),
    );
  });
});

describe("place(), with zones", () => {
  test("gives each zone the same, however many nodes it has", () => {
    const candidates = nodes(4).map((one, i) => ({ ...one, zone: i === 0 ? "a" : "b" }));
    const load = loads(place("cart", 96 + 32, candidates));
    expect(load.get("node-0")).toBe(64);
    expect([1, 2, 3].map((i) => load.get(`node-${i}`)).toSorted()).toEqual([21, 21, 22]);
  });
});

describe("place(), with pins", () => {
  test("puts a shard where it is pinned, and counts it to the share of that node", () => {
    const before = place("cart", 64, nodes(4));
    const shard = before.findIndex((owner) => owner?.node === "node-0");
    const pins = new Map([[shard, id("node-3")]]);
    const after = place("cart", 64, nodes(4), standing(before, { pins }));
    expect(after[shard]).toEqual(id("node-3"));
    expect([...loads(after).values()]).toEqual([16, 16, 16, 16]);
  });

  test("fills one node with them if so many are pinned, and shares the rest among the others", () => {
    const pins = new Map(Array.from({ length: 40 }, (_, shard) => [shard, id("node-1")]));
    const load = loads(place("cart", 64, nodes(4), standing([], { pins })));
    expect(load.get("node-1")).toBe(40);
    expect([0, 2, 3].map((i) => load.get(`node-${i}`))).toEqual([8, 8, 8]);
  });

  test("leaves one with a keeper that has it", () => {
    const before = place("cart", 64, nodes(2));
    const pins = new Map([[0, before[0] as NodeId]]);
    const others = nodes(2).filter((one) => one.id.node !== before[0]?.node);
    const after = place("cart", 64, others, standing(before, { pins, keepers: [before[0] as NodeId] }));
    expect(after[0]).toEqual(before[0] as NodeId);
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
