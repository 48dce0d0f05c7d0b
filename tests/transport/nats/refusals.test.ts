import { describe, expect, test } from "bun:test";
import { type Refused, refusedAgain } from "../../../transport/nats/refusals.ts";

const PATIENCE_MS = 10_000;

/** After how many refusals, one every `everyMs`, the connection is over; `undefined` if it is not after a hundred. */
function overAfter(everyMs: number, hasEnded: boolean, canChange: boolean): number | undefined {
  let refused: Refused | undefined;
  for (let i = 0; i < 100; i++) {
    const step = refusedAgain(refused, { now: 5_000 + i * everyMs, hasEnded, canChange }, PATIENCE_MS);
    refused = step.refused;
    if (step.isOver) return i + 1;
  }
  return undefined;
}

describe("refusedAgain()", () => {
  test.each([
    // every, ended, can change, over after
    [200, false, false, 51],
    [200, false, true, 51],
    [200, true, true, 51], // a function may have another one by then
    [200, true, false, 2],
    [60_000, false, false, 3], // two may be chance, however far apart
    [60_000, true, false, 2],
    [0, false, false, undefined],
  ] as const)(
    "refusals every %i ms, ended %p, that can change %p: over after %p",
    (everyMs, ended, changes, after) => {
      expect(overAfter(everyMs, ended, changes)).toBe(after as number);
    },
  );
});
