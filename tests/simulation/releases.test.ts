import { describe, expect, test } from "bun:test";
import { simulate } from "./simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 6;
const TIMEOUT_MS = 120_000;

describe("two releases in one cluster", () => {
  test(
    `keep every promise between them while nodes join, leave and die, in ${SEEDS} simulations`,
    async () => {
      const tally = { messages: 0, moves: 0, late: 0, parked: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, messages, moves, late, parked } = await simulate({ seed, profile: "releases" });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.messages += messages;
        tally.moves += moves;
        tally.late += late;
        tally.parked += parked;
      }
      // a run that does too little proves nothing
      expect(tally.messages).toBeGreaterThan(SEEDS * 150);
      expect(tally.moves).toBeGreaterThan(SEEDS * 30);
      expect(tally.late).toBeGreaterThan(SEEDS * 3);
      expect(tally.parked).toBeGreaterThan(SEEDS);
    },
    TIMEOUT_MS,
  );
});

describe("other code in place", () => {
  test.each(["upgraded", "upgraded-stored"] as const)(
    `keeps every promise, and upgrades each state once, in ${SEEDS} simulations of %s`,
    async (profile) => {
      const tally = { messages: 0, moves: 0, upgraded: 0, notUpgraded: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, messages, moves, upgraded, notUpgraded } = await simulate({ seed, profile });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.messages += messages;
        tally.moves += moves;
        tally.upgraded += upgraded;
        tally.notUpgraded += notUpgraded;
      }
      // a run that does too little proves nothing
      expect(tally.messages).toBeGreaterThan(SEEDS * 300);
      expect(tally.moves).toBeGreaterThan(SEEDS * 20);
      expect(tally.upgraded).toBeGreaterThan(SEEDS * 25);
      expect(tally.notUpgraded).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
