import { describe, expect, test } from "bun:test";
import { simulate } from "./simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 4;
const TIMEOUT_MS = 120_000;

describe("actors that destroy themselves", () => {
  test(
    `begin anew, and nothing of the life before comes back, in ${SEEDS} simulations`,
    async () => {
      const tally = { destroyed: 0, moves: 0, deaths: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, destroyed, moves, deaths } = await simulate({ seed, profile: "mortal" });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.destroyed += destroyed;
        tally.moves += moves;
        tally.deaths += deaths;
      }
      // a run that does too little proves nothing
      expect(tally.destroyed).toBeGreaterThan(SEEDS * 40);
      expect(tally.moves).toBeGreaterThan(SEEDS * 10);
      expect(tally.deaths).toBeGreaterThan(SEEDS);
    },
    TIMEOUT_MS,
  );
});
