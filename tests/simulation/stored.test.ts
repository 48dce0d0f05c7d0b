import { describe, expect, test } from "bun:test";
import { simulate } from "./simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 5;
const TIMEOUT_MS = 120_000;

describe("stored actors", () => {
  test.each(["kept", "stored", "refused"] as const)(
    `keep every promise under "%s", in ${SEEDS} simulations`,
    async (profile) => {
      const tally = { messages: 0, moves: 0, deaths: 0, transfers: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, messages, moves, deaths, transfers } = await simulate({ seed, profile });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.messages += messages;
        tally.moves += moves;
        tally.deaths += deaths;
        tally.transfers += transfers;
      }
      // a run that does too little proves nothing
      expect(tally.messages).toBeGreaterThan(SEEDS * 100);
      expect(tally.moves).toBeGreaterThan(SEEDS * 10);
      expect(tally.transfers).toBeGreaterThan(SEEDS * 20);
      if (profile === "stored") expect(tally.deaths).toBeGreaterThan(SEEDS);
    },
    TIMEOUT_MS,
  );
});
