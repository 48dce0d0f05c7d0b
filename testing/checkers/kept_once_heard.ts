/**
 * I7: what anybody was told of a stored actor is never taken back.
 *
 * @module
 */
import type { History, TimerSet, Witness } from "../history.ts";
import { StateTree } from "../state_tree.ts";
import { storedTimesLeft } from "../timers_left.ts";
import { type Checker, checker } from "./checker.ts";

/**
 * Each state that an answer or a tell told of is part of every state that its actor has later. Under a lower epoch one
 * that was lost may still be busy for a while: that has no effect.
 */
export const keptOnceHeard: Checker = checker(
  "I7",
  "what was told of a stored state is kept",
  function* (history) {
    const told = new Map<string, Witness>();
    for (const each of history.witnesses) {
      const lineage = history.lineages.get(each.actor) ?? new StateTree();
      const before = told.get(each.actor);
      if (!lineage.has(each.state)) yield `${inWords(each)}: a state that never was`;
      else if (each.heard) yield* faultsOfHeard(lineage, told, each);
      else if (before && each.epoch >= before.epoch && !lineage.includes(each.state, before.state))
        yield `${inWords(each)}, without what it told of before: ${inWords(before)}`;
    }
  },
);

function* faultsOfHeard(lineage: StateTree, told: Map<string, Witness>, heard: Witness): Iterable<string> {
  const before = told.get(heard.actor);
  if (!before || lineage.includes(heard.state, before.state)) told.set(heard.actor, heard);
  else if (!lineage.includes(before.state, heard.state))
    yield `${inWords(heard)}, and neither follows from the other: ${inWords(before)}`;
}

function inWords({ actor, state, epoch, at, heard }: Witness): string {
  const how = heard ? "was said to have" : "had";
  return `${actor} ${how} ${state.count} messages in its state under epoch ${epoch}, at ${at} ms`;
}

/** A timer that is stored comes, whoever is lost; handled and stored it does not come again. */
export const storedTimersCome: Checker = checker("I7", "stored timers come", function* (history) {
  for (const timer of history.timers.values()) if (timer.within) yield* faultsOfTimer(history, timer);
});

function* faultsOfTimer(history: History, timer: TimerSet): Iterable<string> {
  const { actor, id, setAt, afterMs, everyMs, fires, within, cancelledWithin, came } = timer;
  const lineage = history.lineages.get(actor);
  if (!lineage || !within) return;
  const words = `timer ${id} of ${actor}`;
  for (const { before, at } of came) {
    const times = lineage.countOf(before, `timer-${id}`);
    const earliest = setAt + afterMs + times * (everyMs ?? 0);
    if (!lineage.includes(before, within)) yield `${words} came at ${at} ms in a state without it`;
    if (cancelledWithin.some((state) => lineage.includes(before, state)))
      yield `${words} came at ${at} ms after it was cancelled`;
    if (times >= fires) yield `${words} came at ${at} ms, after it had come ${times} times of ${fires}`;
    if (at < earliest - 1) yield `${words} came at ${at}, before ${earliest}`;
  }
  const left = storedTimesLeft(history, timer) ?? 0;
  if (left > 0) yield `${words} came ${fires - left} times of ${fires}`;
}
