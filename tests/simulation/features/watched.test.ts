import { describe, expect, test } from "bun:test";
import { simulate } from "../simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 4;
const TIMEOUT_MS = 120_000;

describe("actors that watch others", () => {
  test(
    `hear of each end once, and of nothing else, in ${SEEDS} simulations`,
    async () => {
      const tally = { notices: 0, moves: 0, deaths: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, notices, moves, deaths } = await simulate({ seed, profile: "watched" });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.notices += notices;
        tally.moves += moves;
        tally.deaths += deaths;
      }
      // a run that does too little proves nothing
      expect(tally.notices).toBeGreaterThan(SEEDS * 20);
      expect(tally.moves).toBeGreaterThan(SEEDS * 10);
      expect(tally.deaths).toBeGreaterThan(SEEDS);
    },
    TIMEOUT_MS,
  );
});
