/**
 * I1, as it can be seen at the starts of handlers and at the answers that one caller gets.
 *
 * @module
 */
import { generationOf } from "../generations.ts";
import type { History, Started } from "../history.ts";
import { type Checker, checker } from "./checker.ts";

/**
 * No handler or hook starts under an epoch below one that was started under before, and no two nodes start under the
 * same. A handler that began in time may end late: that is not judged here. Nobody knows of records that were replaced
 * before he meets them, so those of two generations may overlap, for as long as the gate of one may be open. In the same
 * way an owner whose record was removed may go on until he hears of the next owner, and no longer.
 */
export const oneOwner: Checker = checker("I1", "one activation for each epoch", function* (history) {
  const last = new Map<string, Started>();
  const nodes = new Map<string, string>();
  for (const each of history.starts) {
    const { actor, epoch, node, at } = each;
    const generation = generationOf(epoch);
    const of = `${actor} ${generation}`;
    const before = last.get(of);
    const overSince = history.generations[generation] ?? Infinity;
    if (at > overSince + history.outlivesMs)
      yield `${actor} started under epoch ${epoch} on ${node} at ${at} ms, of records that were replaced at ${overSince}`;
    if (before && before.epoch > epoch && history.allowances.isUnheard(actor, epoch, at)) continue;
    if (before && before.epoch > epoch)
      yield `${actor} started under epoch ${epoch} on ${node} at ${at} ms, after ${before.epoch} on ${before.node}`;
    else last.set(of, each);
    const key = `${actor}/${epoch}`;
    const other = nodes.get(key);
    if (other !== undefined && other !== node)
      yield `${actor} started under epoch ${epoch} on ${other} and on ${node}, at ${at} ms`;
    nodes.set(key, node);
  }
});

/**
 * Without a node that was declared dead, and without records that were replaced, effects follow the epochs too: there is
 * nobody whose effects do not count, but for owners whose record was removed.
 */
export const effectsInOrder: Checker = checker("I1", "effects follow the epochs", function* (history) {
  if (history.deaths.length > 0 || history.generations.length > 0) return;
  const last = new Map<string, number>();
  for (const { actor, epoch, node } of history.handled) {
    const before = last.get(actor) ?? 0;
    if (epoch < before && !history.allowances.wasSuperseded(actor, epoch))
      yield `${actor} had an effect under epoch ${epoch} on ${node}, after ${before}`;
    last.set(actor, Math.max(epoch, before));
  }
});

/** Something of an actor that somebody came to know. */
interface Seen {
  readonly at: number;
  readonly actor: string;
  readonly epoch: number;
  /** Who is told in the order in which it is sent, and must not be told of a lost time after a later one. */
  readonly judges: readonly string[];
  /** Who knows of it as well. */
  readonly knows: string;
  readonly words: string;
}

/** All callers together: two of them may be one and the same person outside. Each generation has its own. */
const anybody = (epoch: number) => `anybody in ${generationOf(epoch)}`;
/** So long after a trouble of a caller's node answers may still come that it had to wait with, in milliseconds. */
const WAIT_MS = 2_000;

/**
 * Whoever has got an answer or a message from after a loss gets none from before it any more: a caller, an actor, and
 * for answers the node that they are on, which also knows what its actors were told; and any caller at all, unless the
 * answer came from elsewhere and its node was in trouble: then it may be told late what was answered in time.
 */
export const noZombies: Checker = checker("I1", "nothing from a lost time", function* (history) {
  const floors = new Map<string, number>();
  const all = [...answersIn(history), ...messagesIn(history)].sort((a, b) => a.at - b.at);
  for (const { actor, epoch, judges, knows, words } of all) {
    const seenBy = (who: string) => floors.get(`${who} ← ${actor}`) ?? 0;
    const witness = judges.find((who) => epoch < seenBy(who));
    if (witness !== undefined)
      yield `${words} under epoch ${epoch}, after ${witness} was told from above ${seenBy(witness)}`;
    const floor = floorOf(history, actor, epoch);
    for (const who of new Set([...judges, knows])) {
      const key = `${who} ← ${actor}`;
      floors.set(key, Math.max(floors.get(key) ?? 0, floor));
    }
  }
});

function* answersIn(history: History): Iterable<Seen> {
  const nodes = new Map(
    history.handled.map(({ n, sender, actor, node }) => [`${n} ${sender} ${actor}`, node]),
  );
  for (const { sender, to, n, origin, answerEpoch: epoch, sentAt, endedAt: at } of history.calls) {
    if (epoch === undefined) continue;
    const isLocal = nodes.get(`${n} ${sender} ${to}`) === origin;
    const words = `${n} of ${sender} to ${to} was answered at ${at} ms`;
    const judges = origin === "" ? [sender] : [sender, origin];
    if (isLocal || isWell(history, origin, sentAt, at)) judges.push(anybody(epoch));
    yield { at, actor: to, epoch, judges, knows: anybody(epoch), words };
  }
}

function isWell({ disturbances, blinks }: History, origin: string, from: number, to: number): boolean {
  const [name = ""] = origin.split(".");
  return ![...disturbances, ...blinks].some(
    (each) => each.node === name && each.from <= to && each.to + WAIT_MS >= from,
  );
}

/** What actors were told by actors. A memory that is lost knows nothing any more; a stored one may be taken back. */
function* messagesIn({ calls, handled }: History): Iterable<Seen> {
  const epochs = new Map(
    calls.map(({ sender, to, n, senderEpoch }) => [`${n} ${sender} ${to}`, senderEpoch]),
  );
  for (const { actor: to, sender, n, memory, node, epoch: own, stored, at } of handled) {
    const epoch = epochs.get(`${n} ${sender} ${to}`);
    if (epoch === undefined) continue;
    const judge = `${to}#${memory}${stored ? ` under epoch ${own}` : ""}`;
    const [actor = ""] = sender.split("#");
    yield { at, actor, epoch, judges: [judge], knows: node, words: `${n} of ${sender} was handled by ${to}` };
  }
}

/** What goes on with its memory has told nothing from a time that is lost: where only mail was lost, answers may be late as ever. */
function floorOf({ losses }: History, actor: string, epoch: number): number {
  const below = losses.get(actor)?.filter((loss) => loss.memory && loss.epoch <= epoch) ?? [];
  return Math.max(0, ...below.map((loss) => loss.epoch));
}
