/**
 * I1, as those see it who are told of the state of a stored actor.
 *
 * @module
 */
import { generationOf } from "../generations.ts";
import type { History, Witness } from "../history.ts";
import { StateTree } from "../state_tree.ts";
import { type Checker, checker } from "./checker.ts";

/**
 * Whoever was told of a state by an owner knows what it had then. What a lost owner had still under way is not added to
 * it afterwards: a later state has only what was added under that epoch, or above it. So what an owner only read is
 * judged as well as what it changed. Owners by different generations of the records may overlap: between them only that
 * holds which `keptOnceHeard` judges.
 */
export const nothingFromBelow: Checker = checker("I1", "nothing is added from below", function* (history) {
  const told = new Map<string, Witness>();
  for (const each of history.witnesses) {
    const { actor, state, epoch, at, heard } = each;
    const key = `${actor} ${generationOf(epoch)}`;
    const before = told.get(key);
    if (before && epoch < before.epoch) continue;
    const lineage = lineageOf(history, actor);
    if (before && lineage.includes(state, before.state)) {
      const lowest = lineage.lowestEpoch(state, before.state);
      if (lowest < before.epoch && generationOf(lowest) === generationOf(before.epoch))
        yield `${actor} had, under epoch ${epoch} at ${at} ms, what was added under epoch ${lowest} to the ${before.state.count} messages of which epoch ${before.epoch} had told at ${before.at} ms`;
    }
    if (heard) told.set(key, each);
  }
});

function lineageOf({ lineages }: History, actor: string): StateTree {
  return lineages.get(actor) ?? new StateTree();
}
