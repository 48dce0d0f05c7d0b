import { describe, expect, test } from "bun:test";
import { type Defect, DEFECTS } from "./defects.ts";
import { simulate } from "./simulate.ts";

/** Each is found within this many seeds from the first on; most within five. */
const SEEDS_MAX = 120;
const TIMEOUT_MS = 180_000;

/** The seed that found it last comes first: only after a change of the code there is anything to look for. */
async function seedThatFinds(defect: string, { profile, seed: known }: Defect): Promise<number | undefined> {
  const others = Array.from({ length: SEEDS_MAX }, (_, i) => i + 1).filter((seed) => seed !== known);
  for (const seed of [known, ...others]) {
    const { violations } = await simulate({ seed, profile, defect });
    if (violations.length > 0) return seed;
  }
  return undefined;
}

describe("the simulation finds it when", () => {
  test.each(Object.entries(DEFECTS).map(([name, defect]) => [defect.words, name, defect] as const))(
    "%s (%s)",
    async (_words, name, defect) => {
      const seed = await seedThatFinds(name, defect);
      if (seed === undefined) throw new Error(`expected "${name}" within ${SEEDS_MAX} seeds; seen: nothing`);
      // the same seed without the defect is clean: it was the defect that was found
      expect((await simulate({ seed, profile: defect.profile })).violations).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
