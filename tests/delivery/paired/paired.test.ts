// Both ends of a link together, by seed: what it promises, whatever the channel does and wherever its far end moves.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { play, runs } from "./play.ts";

test("a link admits once and in order, ends every call, loses nothing in moves, and keeps its window", async () => {
  await fc.assert(
    fc.asyncProperty(runs, async (steps) => {
      expect(await play(steps)).toEqual([]);
    }),
    { numRuns: 1_000, seed: 7 },
  );
}, 60_000);
