import { describe, expect, test } from "bun:test";
import { LEASE_TIMES } from "../../../cluster/lease/lease_times.ts";
import { judge, type Verdict, type Watched } from "../../../cluster/lease/name_takeover.ts";
import type { NodeState } from "../../../cluster/records/schemas.ts";
import { id, nodeRecord } from "../support.ts";

type Look = readonly [now: number, revision: number, state?: NodeState, count?: number];

function verdict(...looks: Look[]): Verdict {
  let watched: Watched | undefined;
  let last: Verdict = "wait";
  for (const [now, revision, state = "up", count = 1] of looks) {
    [last, watched] = judge(
      watched,
      { record: nodeRecord(id("a", count), state), revision },
      now,
      LEASE_TIMES,
    );
  }
  return last;
}

/** Looks at an unchanged record every half second, up to and including `untilMs`. */
function still(untilMs: number, revision = 1): Look[] {
  return Array.from({ length: Math.floor(untilMs / 500) + 1 }, (_, i) => [i * 500, revision] as const);
}

describe("judge()", () => {
  test("says free when there is no record, or it is final", () => {
    expect(judge(undefined, undefined, 0, LEASE_TIMES)[0]).toBe("free");
    expect(verdict([0, 1, "gone"])).toBe("free");
    expect(verdict([0, 1, "up"], [500, 2, "dead"])).toBe("free");
  });

  test("says expired when a lease has passed without a change, and wait before", () => {
    expect(verdict(...still(14_500))).toBe("wait");
    expect(verdict(...still(15_000))).toBe("expired");
  });

  test("says in-use when the holder has renewed twice, since one renewal may have been on its way", () => {
    expect(verdict([0, 1], [500, 2])).toBe("wait");
    expect(verdict([0, 1], [500, 2], [2_000, 3])).toBe("in-use");
  });

  test("says in-use when another has taken the name meanwhile", () => {
    expect(verdict([0, 1], [500, 2, "up", 2])).toBe("in-use");
  });

  test("waits for one that leaves, however often it renews", () => {
    expect(verdict([0, 1], [500, 2, "leaving"], [2_000, 3, "leaving"], [3_500, 4, "leaving"])).toBe("wait");
    expect(verdict([0, 1], [500, 2, "leaving"], [2_000, 3, "gone"])).toBe("free");
  });

  test("counts the lease anew when nobody could look for a while", () => {
    expect(verdict([0, 1], [16_000, 1])).toBe("wait");
    expect(verdict([0, 1], [16_000, 1], ...still(14_500).map(([at]) => [at + 16_500, 1] as const))).toBe(
      "expired",
    );
  });
});
