import { describe, expect, test } from "bun:test";
import { simulate } from "./simulate.ts";

/** `npm test` has a step of its own that runs more, of all profiles. */
const SEEDS = 5;
const TIMEOUT_MS = 180_000;

describe("messages that end their node", () => {
  test(
    `are set aside after three deaths, and everything else is served, in ${SEEDS} simulations`,
    async () => {
      const tally = { messages: 0, deaths: 0, setAside: 0 };
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations, messages, deaths, setAside } = await simulate({ seed, profile: "poison" });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        tally.messages += messages;
        tally.deaths += deaths;
        tally.setAside += setAside;
      }
      // a run that does too little proves nothing
      expect(tally.messages).toBeGreaterThan(SEEDS * 100);
      expect(tally.deaths).toBeGreaterThan(SEEDS * 2);
      expect(tally.setAside).toBeGreaterThanOrEqual(SEEDS);
    },
    TIMEOUT_MS,
  );
});
