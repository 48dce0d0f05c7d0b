import { describe, expect, test } from "bun:test";
import { simulate } from "./simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 3;
const TIMEOUT_MS = 120_000;

describe("actors that a stream feeds", () => {
  for (const profile of ["fed", "fed-crashed"] as const)
    test(
      `have each of its messages once and in order, in ${SEEDS} simulations of ${profile}`,
      async () => {
        const tally = { fed: 0, moves: 0, deaths: 0 };
        for (let seed = 1; seed <= SEEDS; seed++) {
          const { violations, fed, moves, deaths } = await simulate({ seed, profile });
          expect({ seed, violations }).toEqual({ seed, violations: [] });
          tally.fed += fed;
          tally.moves += moves;
          tally.deaths += deaths;
        }
        // a run that does too little proves nothing
        expect(tally.fed).toBeGreaterThan(SEEDS * 100);
        expect(tally.moves).toBeGreaterThan(SEEDS * 20);
        if (profile === "fed-crashed") expect(tally.deaths).toBeGreaterThan(SEEDS);
      },
      TIMEOUT_MS,
    );
});
