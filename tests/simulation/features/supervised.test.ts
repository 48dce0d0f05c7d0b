import { describe, expect, test } from "bun:test";
import { simulate } from "../simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 4;
const TIMEOUT_MS = 120_000;

describe("actors that are kept alive, and fail", () => {
  test(
    `run once without a message, and within their budgets, in ${SEEDS} simulations`,
    async () => {
      const tally = { failed: 0, stops: 0, moves: 0, deaths: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, failed, stops, moves, deaths } = await simulate({ seed, profile: "supervised" });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.failed += failed;
        tally.stops += stops;
        tally.moves += moves;
        tally.deaths += deaths;
      }
      // a run that does too little proves nothing
      expect(tally.failed).toBeGreaterThan(SEEDS * 100);
      expect(tally.stops).toBeGreaterThan(SEEDS * 20);
      expect(tally.moves).toBeGreaterThan(SEEDS * 10);
      expect(tally.deaths).toBeGreaterThan(SEEDS);
    },
    TIMEOUT_MS,
  );
});
