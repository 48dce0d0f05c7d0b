/**
 * I4: whoever keeps its memory keeps all of it.
 *
 * @module
 */
import { type Fold, fold, type History, NOTHING } from "../history.ts";
import { isToCome } from "../timers_left.ts";
import { type Checker, checker } from "./checker.ts";

/**
 * Each memory of an actor is the fold of all that went into it, from the first message to the last: it is never in two
 * places, nothing falls out of it, and its timers are there once.
 */
export const nothingLost: Checker = checker("I4", "a planned move loses nothing", function* (history) {
  const folds = new Map<string, Fold>();
  for (const { actor, memory = 0, sender, n, before, node, epoch, stored } of history.handled) {
    if (stored) continue; // may be taken back, see `keptOnceHeard`
    const key = `${actor}#${memory}`;
    const known = folds.get(key) ?? NOTHING;
    if (known.count !== before.count || known.digest !== before.digest) {
      yield `${actor} on ${node} under epoch ${epoch} began ${n} of ${sender} with ${before.count} messages in its state, and ${known.count} were handled`;
      return;
    }
    folds.set(key, fold(known, sender, n));
  }
  for (const { actor, state, handled } of history.told) {
    if (state.count !== handled)
      yield `${actor} told of ${state.count} messages in its state, and ${handled} were handled`;
  }
  yield* timerFaults(history);
});

function* timerFaults(history: History): Iterable<string> {
  for (const timer of history.timers.values()) {
    const { actor, id, setAt, afterMs, everyMs, fires, fired, within } = timer;
    if (within) continue;
    if (isToCome(history, timer)) yield `timer ${id} of ${actor} came ${fired.length} times of ${fires}`;
    if (fired.length > fires) yield `timer ${id} of ${actor} came ${fired.length} times, not ${fires}`;
    for (const [index, at] of fired.entries()) {
      const earliest = setAt + afterMs + index * (everyMs ?? 0);
      if (at < earliest - 1) yield `timer ${id} of ${actor} came at ${at}, before ${earliest}`;
    }
  }
}
