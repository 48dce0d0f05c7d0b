/**
 * I6: no actor begins without its memory unless that was lost, and then it is told so.
 *
 * @module
 */
import { generationOf } from "../generations.ts";
import type { Activated, History } from "../history.ts";
import { type Checker, checker } from "./checker.ts";

/**
 * See the module's text. A memory into which nothing ever went may be forgotten. With its records a cluster forgets that
 * there was a memory at all, so each generation of them is judged by itself.
 */
export const neverFresh: Checker = checker("I6", "never silently fresh", function* (history) {
  const used = new Set(history.handled.map(({ actor, memory = 0 }) => `${actor}#${memory}`));
  const last = new Map<string, Activated>();
  for (const each of history.activations) {
    const { actor, memory, epoch } = each;
    const key = `${actor} ${generationOf(epoch)}`;
    const before = last.get(key);
    if (before === undefined || memory >= before.memory) last.set(key, each);
    if (before === undefined || memory === before.memory) continue;
    if (memory < before.memory) yield `${inWords(each)} with a memory older than its last`;
    else if (used.has(`${actor}#${before.memory}`)) yield* faultsOfFresh(history, before, each);
  }
});

function* faultsOfFresh(history: History, before: Activated, fresh: Activated): Iterable<string> {
  const lost = history.losses
    .get(fresh.actor)
    ?.some(
      ({ memory, epoch, at }) => memory && (epoch > before.epoch || (at >= before.at && at <= fresh.at)),
    );
  if (!lost) yield `${inWords(fresh)} without its state, which nobody had lost`;
  else if (fresh.why !== "recovered") yield `${inWords(fresh)} without its state`;
}

function inWords({ actor, why, node, epoch, at }: Activated): string {
  return `${actor} began as "${why}" on ${node} under epoch ${epoch}, at ${at} ms,`;
}
