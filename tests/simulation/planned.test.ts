import { describe, expect, test } from "bun:test";
import { simulate } from "./simulate.ts";

/** `npm test` has a step of its own that runs a thousand, of all profiles. */
const SEEDS = 10;
const TIMEOUT_MS = 120_000;
/** Seeds that found something once. */
const REMEMBERED = [179, 191, 287, 402, 467];

describe("planned moves", () => {
  test(
    `keep every promise under delays, losses, joins and leaves, in ${SEEDS} simulations`,
    async () => {
      const tally = { messages: 0, moves: 0, late: 0, parked: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, messages, moves, late, parked } = await simulate({ seed });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.messages += messages;
        tally.moves += moves;
        tally.late += late;
        tally.parked += parked;
      }
      // a run that does too little proves nothing
      expect(tally.messages).toBeGreaterThan(SEEDS * 100);
      expect(tally.moves).toBeGreaterThan(SEEDS * 15);
      expect(tally.late).toBeGreaterThan(SEEDS * 2);
      expect(tally.parked).toBeGreaterThan(SEEDS * 2);
    },
    TIMEOUT_MS,
  );

  test.each(REMEMBERED)("keep every promise in seed %s, which broke one before", async (seed) => {
    expect((await simulate({ seed })).violations).toEqual([]);
  });
});
