/**
 * I5 and I6 rest on it: who is well is not declared dead.
 *
 * @module
 */
import type { History } from "../history.ts";
import { type Checker, checker } from "./checker.ts";

/**
 * A trouble counts as a cause for this long after its end, in milliseconds: longer than any lease in a simulation. Time
 * in which the store was away for all does not count, since nobody can write a death then.
 */
const MEMORY_MS = 10_000;

/**
 * A node is declared dead only if something was done to it alone, in that life. That the store was away for all is no cause,
 * nor is what was over before that life had a record.
 */
export const fairDeaths: Checker = checker("I5", "nobody dies without a cause", function* (history) {
  for (const { node, since, at } of history.deaths) {
    const caused = history.disturbances.some(
      (each) =>
        each.node === node &&
        each.what !== "partition" &&
        each.what !== "clock" &&
        each.from <= at &&
        each.to >= since &&
        each.to + MEMORY_MS + awayMs(history, each.to, at) >= at,
    );
    if (!caused) yield `node ${node} was declared dead at ${at} ms, and nothing had happened to it`;
  }
});

function awayMs({ disturbances }: History, from: number, to: number): number {
  const away = disturbances.filter(({ what, node }) => what === "records" && node === "*");
  return away.reduce((sum, each) => sum + Math.max(0, Math.min(each.to, to) - Math.max(each.from, from)), 0);
}
