/**
 * I1, as it can be seen at the starts of handlers and at the answers that one caller gets.
 *
 * @module
 */
import type { Call, History, Started } from "../history.ts";
import { type Checker, checker } from "./checker.ts";

/**
 * No handler or hook starts under an epoch below one that was started under before, and no two nodes start under the
 * same. A handler that began in time may end late: that is not judged here.
 */
export const oneOwner: Checker = checker("I1", "one activation for each epoch", function* ({ starts }) {
  const last = new Map<string, Started>();
  const nodes = new Map<string, string>();
  for (const each of starts) {
    const { actor, epoch, node } = each;
    const before = last.get(actor);
    if (before && before.epoch > epoch)
      yield `${actor} started under epoch ${epoch} on ${node} at ${each.at} ms, after ${before.epoch} on ${before.node}`;
    else last.set(actor, each);
    const key = `${actor}/${epoch}`;
    const other = nodes.get(key);
    if (other !== undefined && other !== node)
      yield `${actor} started under epoch ${epoch} on ${other} and on ${node}, at ${each.at} ms`;
    nodes.set(key, node);
  }
});

/** Without a node that was declared dead, effects follow the epochs too: there is nobody whose effects do not count. */
export const effectsInOrder: Checker = checker("I1", "effects follow the epochs", function* (history) {
  if (history.deaths.length > 0) return;
  const last = new Map<string, number>();
  for (const { actor, epoch, node } of history.handled) {
    const before = last.get(actor) ?? 0;
    if (epoch < before) yield `${actor} had an effect under epoch ${epoch} on ${node}, after ${before}`;
    last.set(actor, Math.max(epoch, before));
  }
});

/** Whoever has got an answer from after a loss gets none from before it any more. */
export const noZombieAnswers: Checker = checker("I1", "no answers from a lost time", function* (history) {
  const floors = new Map<string, number>();
  for (const call of answered(history)) {
    const { sender, to, answerEpoch = 0 } = call;
    const key = `${sender} → ${to}`;
    const seen = floors.get(key) ?? 0;
    if (answerEpoch < seen)
      yield `${key}: ${call.n} was answered under epoch ${answerEpoch}, after an answer from above ${seen}`;
    floors.set(key, Math.max(seen, floorOf(history, to, answerEpoch)));
  }
});

function answered({ calls }: History): Call[] {
  const done = calls.filter(({ answerEpoch }) => answerEpoch !== undefined);
  return done.sort((a, b) => a.endedAt - b.endedAt);
}

function floorOf({ losses }: History, actor: string, epoch: number): number {
  const below = losses.get(actor)?.filter((loss) => loss.epoch <= epoch) ?? [];
  return Math.max(0, ...below.map((loss) => loss.epoch));
}
