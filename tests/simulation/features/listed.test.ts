import { describe, expect, test } from "bun:test";
import { simulate } from "../simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 4;
const TIMEOUT_MS = 120_000;

describe("lists of actors", () => {
  test(
    `have each that is there, once, with its metadata, while shards move, in ${SEEDS} simulations of each sort`,
    async () => {
      const tally = { listed: 0, moves: 0, deaths: 0 };
      for (const profile of ["listed", "listed-crashed"] as const)
        for (let seed = 1; seed <= SEEDS; seed++) {
          const { violations, listed, moves, deaths } = await simulate({ seed, profile });
          expect({ profile, seed, violations }).toEqual({ profile, seed, violations: [] });
          tally.listed += listed;
          tally.moves += moves;
          tally.deaths += deaths;
        }
      // a run that does too little proves nothing
      expect(tally.listed).toBeGreaterThan(SEEDS * 20);
      expect(tally.moves).toBeGreaterThan(SEEDS * 20);
      expect(tally.deaths).toBeGreaterThan(SEEDS / 2);
    },
    TIMEOUT_MS,
  );
});
