import { describe, expect, test } from "bun:test";
import { DEFECTS } from "./defects.ts";
import type { Profile } from "./profiles.ts";
import { simulate } from "./simulate.ts";

/** Each is found within this many; most within three. */
const SEEDS_MAX = 150;
const TIMEOUT_MS = 180_000;

async function firstSeedThatFinds(defect: string, profile: Profile): Promise<number | undefined> {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { violations } = await simulate({ seed, profile, defect });
    if (violations.length > 0) return seed;
  }
  return undefined;
}

describe("the simulation finds it when", () => {
  test.each(Object.entries(DEFECTS).map(([name, { words, profile }]) => [words, profile, name] as const))(
    "%s (%s)",
    async (_words, profile, defect) => {
      const seed = await firstSeedThatFinds(defect, profile);
      if (seed === undefined)
        throw new Error(`expected "${defect}" within ${SEEDS_MAX} seeds; seen: nothing`);
      // the same seed without the defect is clean: it was the defect that was found
      expect((await simulate({ seed, profile })).violations).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
