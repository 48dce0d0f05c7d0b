import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { NodeId } from "../../cluster/records/schemas.ts";
import { type Proposal, proposed, settlesAt } from "../../handoff/proposal.ts";
import { id } from "../cluster/support.ts";

const [A, B, C] = [id("a"), id("b"), id("c")];
const TIMES = { settleMs: 1_000, settleMaxMs: 3_000 };

/** A shard whose proposal changes at these times; each time is followed by who is proposed. */
function history(...changes: readonly (readonly [at: number, owner: NodeId | undefined])[]): Proposal {
  let proposal: Proposal | undefined;
  for (const [at, owner] of changes) proposal = proposed(owner, proposal, at, TIMES);
  if (proposal === undefined) throw new Error("expected a change; seen: none");
  return proposal;
}

const dueAt = (proposal: Proposal, knownAt = -10_000) => settlesAt(proposal, 1_000, knownAt, TIMES);

describe("proposed()", () => {
  test("is the same value as long as the owner is the same incarnation", () => {
    const first = proposed(B, undefined, 5, TIMES);
    expect(proposed(id("b"), first, 900, TIMES)).toBe(first);
    expect(proposed(id("b", 2), first, 900, TIMES)).toMatchObject({ sinceAt: 900, restlessAt: 5 });
    const nobody = proposed(undefined, undefined, 5, TIMES);
    expect(proposed(undefined, nobody, 900, TIMES)).toBe(nobody);
  });
});

describe("settlesAt()", () => {
  test("waits until the proposal has held, and begins anew with each other one: many who join are one plan", () => {
    expect(dueAt(history([0, B]))).toBe(1_000);
    expect(dueAt(history([0, B], [600, C]))).toBe(1_600);
    expect(dueAt(history([0, B], [600, C], [1_200, A]))).toBe(2_200);
  });

  test("ends when the longest wait is over, whatever goes on", () => {
    const flapping = history(...Array.from({ length: 20 }, (_, i) => [i * 200, i % 2 ? B : C] as const));
    expect(flapping.sinceAt).toBe(3_800);
    expect(dueAt(flapping)).toBe(3_000);
  });

  test("does not end so for a node that has just come: it may go as soon", () => {
    const flapping = history(...Array.from({ length: 20 }, (_, i) => [i * 200, i % 2 ? B : C] as const));
    expect(dueAt(flapping, 3_800)).toBe(4_800);
    expect(dueAt(flapping, 3_100)).toBe(4_100);
  });

  test("counts a proposal that held as the end of the restlessness", () => {
    expect(history([0, B], [500, C], [1_500, B]).restlessAt).toBe(1_500);
    expect(history([0, B], [500, C], [1_499, B]).restlessAt).toBe(0);
  });

  test("is never later than the longest wait after the last calm, or a calm after the node came", () => {
    const change = fc.tuple(fc.integer({ min: 1, max: 900 }), fc.constantFrom(A, B, C, undefined));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 5_000 }),
        (steps, ago) => {
          let at = 0;
          const proposal = history(...steps.map(([passMs, owner]) => [(at += passMs), owner] as const));
          const due = dueAt(proposal, at - ago);
          const bound = Math.max(proposal.restlessAt + 3_000, at - ago + 1_000);
          return (
            due <= bound &&
            due <= proposal.sinceAt + 1_000 &&
            due >= Math.min(bound, proposal.sinceAt + 1_000)
          );
        },
      ),
      { numRuns: 500, seed: 7 },
    );
  });
});
