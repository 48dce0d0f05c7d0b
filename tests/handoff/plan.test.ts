import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { sameNode, type NodeId, type ShardRecord } from "../../cluster/records/schemas.ts";
import { mayClaim } from "../../cluster/records/shard_changes.ts";
import { isSuperseded, planShard, type Situation } from "../../handoff/plan.ts";
import { id, shardRecord } from "../cluster/support.ts";

const [A, B, C] = [id("a"), id("b"), id("c")];

function plan(given: Partial<Situation>): string {
  const step = planShard({
    self: A,
    record: undefined,
    removal: undefined,
    isAwaited: false,
    desired: A,
    isOver: () => false,
    stateVersion: 1,
    served: false,
    leaving: false,
    ...given,
  });
  return step.do === "move" ? `move to ${step.to.node}` : step.do;
}

const moving = (to: NodeId | "bucket"): Partial<ShardRecord> => ({ state: "moving", to, moveId: "m" });

describe("isSuperseded()", () => {
  test("says so of whatever another owner has, also under a lower epoch: his record was made anew", () => {
    for (const epoch of [1, 5, 6]) expect(isSuperseded(A, 5, shardRecord({ owner: B, epoch }))).toBe(true);
  });

  test("says so of the own record only if it is parked, or a later one", () => {
    const own = (epoch: number, more: Partial<ShardRecord> = {}) =>
      isSuperseded(A, 5, shardRecord({ owner: A, epoch, ...more }));
    expect([own(4), own(5), own(5, moving(B)), own(6)]).toEqual([false, false, false, true]);
    expect([own(5, { state: "parked" }), own(4, { state: "parked" })]).toEqual([true, false]);
  });

  test("says nothing of a record that is missing", () => {
    expect(isSuperseded(A, 5, undefined)).toBe(false);
  });
});

describe("planShard()", () => {
  test("claims what nobody has, if it is wanted here", () => {
    expect(plan({})).toBe("claim");
    expect(plan({ desired: B })).toBe("nothing");
    expect(plan({ desired: undefined })).toBe("nothing");
  });

  test("claims from the dead only, and in a move only as its other end", () => {
    const dead = (...over: NodeId[]) => ({ isOver: (of: NodeId) => over.some((each) => sameNode(each, of)) });
    expect(plan({ record: shardRecord({ owner: B }) })).toBe("nothing");
    expect(plan({ record: shardRecord({ owner: B }), ...dead(B) })).toBe("claim");
    expect(plan({ record: shardRecord({ owner: B, ...moving(C) }), ...dead(B) })).toBe("nothing");
    expect(plan({ record: shardRecord({ owner: B, ...moving(C) }), ...dead(B, C) })).toBe("claim");
    expect(plan({ record: shardRecord({ owner: B, ...moving(A) }), desired: C, ...dead(B) })).toBe("claim");
    expect(plan({ record: shardRecord({ owner: B, ...moving("bucket") }), ...dead(B) })).toBe("claim");
    expect(plan({ record: shardRecord({ owner: B }), ...dead(B), leaving: true })).toBe("nothing");
  });

  test("restores what is parked, and never claims it", () => {
    const parked = shardRecord({
      owner: B,
      state: "parked",
      moveId: "m",
      parked: { chunks: 1, bytes: 1, hash: "h", actors: 1, stateVersion: 1 },
    });
    expect(plan({ record: parked })).toBe("restore");
    expect(plan({ record: parked, isOver: () => true })).toBe("restore");
    expect(plan({ record: parked, desired: B })).toBe("nothing");
  });

  test("moves what is wanted elsewhere, parks what nobody can have", () => {
    const mine = shardRecord({ owner: A });
    expect(plan({ record: mine, served: true })).toBe("nothing");
    expect(plan({ record: mine, served: true, desired: B })).toBe("move to b");
    expect(plan({ record: mine, served: true, desired: undefined })).toBe("nothing");
    expect(plan({ record: mine, served: true, desired: undefined, leaving: true })).toBe("park");
    expect(plan({ record: mine })).toBe("adopt");
  });

  test("ends a move of its own that nobody makes, whatever is wanted and even when leaving", () => {
    for (const to of [B, "bucket"] as const) {
      const record = shardRecord({ owner: A, ...moving(to) });
      expect(plan({ record, served: true, desired: C })).toBe("reclaim");
      expect(plan({ record, served: false, leaving: true })).toBe("reclaim");
      expect(plan({ record: { ...record, owner: C } })).toBe("nothing");
    }
  });

  test("leaves a shard whose record was removed to whoever serves it, as long as that one may do so", () => {
    const [mine, other] = [shardRecord({ owner: A }), shardRecord({ owner: B, ...moving(A) })];
    for (const more of [{}, { desired: B }, { leaving: true }])
      expect(plan({ removal: { record: mine }, served: true, ...more })).toBe("reinstate");
    expect(plan({ removal: { record: { ...mine, ...moving(B) } }, served: true, desired: B })).toBe(
      "reinstate",
    );
    expect(plan({ removal: { record: mine }, desired: B, isAwaited: true })).toBe("claim");
    for (const record of [other, undefined]) {
      expect(plan({ removal: { record }, isAwaited: true })).toBe("nothing");
      expect(plan({ removal: { record } })).toBe("claim");
      expect(plan({ removal: { record }, desired: B })).toBe("nothing");
      expect(plan({ removal: { record }, leaving: true })).toBe("nothing");
    }
    const parked = shardRecord({ owner: B, state: "parked" });
    expect(plan({ removal: { record: parked }, isAwaited: true })).toBe("claim");
  });

  test("never takes from who may still serve", () => {
    const nodes = fc.constantFrom(A, B, C, id("a", 2), id("b", 2));
    const records = fc.record({
      owner: nodes,
      to: fc.option(fc.oneof(nodes, fc.constant("bucket" as const)), { nil: undefined }),
    });
    const situation = fc.record({
      record: records,
      desired: fc.option(nodes, { nil: undefined }),
      over: fc.subarray([A, B, C, id("a", 2), id("b", 2)]),
      served: fc.boolean(),
      leaving: fc.boolean(),
    });
    fc.assert(
      fc.property(situation, ({ record: { owner, to }, over, desired, served, leaving }) => {
        const record = shardRecord(to === undefined ? { owner } : { owner, ...moving(to) });
        const isOver = (of: NodeId) => over.some((each) => sameNode(each, of));
        const given = { self: A, record, removal: undefined, isAwaited: false, desired, isOver };
        const step = planShard({ ...given, stateVersion: 1, served, leaving });
        if (step.do === "claim") return mayClaim(record, A, isOver) && isOver(owner);
        if (step.do === "move")
          return sameNode(owner, A) && !sameNode(step.to, A) && record.state === "owned";
        return true;
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });
});
