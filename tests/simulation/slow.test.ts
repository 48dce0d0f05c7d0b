import { describe, expect, test } from "bun:test";
import { simulate } from "./simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 5;
const TIMEOUT_MS = 120_000;

describe("what is slow", () => {
  test(
    `delays only itself while shards move, in ${SEEDS} simulations`,
    async () => {
      const tally = { messages: 0, moves: 0, late: 0, freezes: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, messages, moves, late, troubles } = await simulate({ seed, profile: "slow" });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.messages += messages;
        tally.moves += moves;
        tally.late += late;
        const { freeze = 0 } = troubles;
        tally.freezes += freeze;
      }
      // a run that does too little proves nothing
      expect(tally.messages).toBeGreaterThan(SEEDS * 300);
      expect(tally.moves).toBeGreaterThan(SEEDS * 40);
      expect(tally.late).toBeGreaterThan(SEEDS * 5);
      expect(tally.freezes).toBeGreaterThan(SEEDS / 2);
    },
    TIMEOUT_MS,
  );
});
