import { describe, expect, test } from "bun:test";
import { CLOCKS_APART_MS, timeLeft } from "../../platform/wall_time.ts";

const HOUR = 3_600_000;
/** Noted at 1,000 by the clock there, due 4,000 later. */
const noted = { dueWallMs: 5_000, notedWallMs: 1_000 };

describe("timeLeft()", () => {
  test("counts by the wall clock where clocks agree, or nobody knows of the other", () => {
    for (const aheadMs of [undefined, 0, CLOCKS_APART_MS, -CLOCKS_APART_MS])
      expect(timeLeft({ ...noted, aheadMs }, 3_500)).toEqual({ leftMs: 1_500, apartMs: 0 });
    expect(timeLeft({ ...noted, aheadMs: 0 }, 9_000).leftMs).toBe(-4_000);
  });

  test("counts by the clock that noted it where the two are known to disagree", () => {
    for (const aheadMs of [HOUR, -HOUR])
      expect(timeLeft({ ...noted, aheadMs }, 3_500 + aheadMs)).toEqual({ leftMs: 1_500, apartMs: aheadMs });
  });

  test("leaves what was left where time would have to have run backwards", () => {
    expect(timeLeft({ ...noted, aheadMs: undefined }, 3_500 - HOUR)).toEqual({
      leftMs: 4_000,
      apartMs: 2_500 - HOUR,
    });
    expect(timeLeft({ ...noted, aheadMs: undefined }, 0).leftMs).toBe(5_000); // within the bound
  });

  test("knows only the due time of what a release before has noted", () => {
    const old = { dueWallMs: 5_000, notedWallMs: undefined };
    expect(timeLeft({ ...old, aheadMs: undefined }, -HOUR).leftMs).toBe(HOUR + 5_000);
    expect(timeLeft({ ...old, aheadMs: HOUR }, HOUR + 2_000).leftMs).toBe(3_000);
  });
});
