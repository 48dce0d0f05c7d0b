/**
 * I5 and I6 rest on it: who is well is not declared dead.
 *
 * @module
 */
import { type Checker, checker } from "./checker.ts";

/** A trouble counts as a cause for this long after its end, in milliseconds: longer than any lease in a simulation. */
const MEMORY_MS = 10_000;

/** A node is declared dead only if something was done to it alone. That the store was away for all is no cause. */
export const fairDeaths: Checker = checker("I5", "nobody dies without a cause", function* (history) {
  for (const { node, at } of history.deaths) {
    const caused = history.disturbances.some(
      (each) =>
        each.node === node && each.what !== "partition" && each.from <= at && each.to + MEMORY_MS >= at,
    );
    if (!caused) yield `node ${node} was declared dead at ${at} ms, and nothing had happened to it`;
  }
});
