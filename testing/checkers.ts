/**
 * The promises, each as something that judges a history.
 *
 * @module
 */
import {
  type Call,
  fold,
  type Fold,
  type Handled,
  type History,
  nameOf,
  NOTHING,
  type Violation,
} from "./history.ts";

/** Judges a history by one promise. */
export interface Checker {
  readonly promise: string;
  readonly title: string;
  /** What is not as promised. Empty when all is well. */
  check(history: History): Violation[];
}

/** A call may end this much after its deadline, in milliseconds. */
const SLACK_MS = 1_000;

/** Without a crash an answer gets through within this time, whatever is lost and moved on the way, in milliseconds. */
const ANSWER_MS = 2_000;

function checker(promise: string, title: string, find: (history: History) => Iterable<string>): Checker {
  return {
    promise,
    title,
    check: (history) => [...find(history)].map((what) => ({ promise, what })),
  };
}

/** Per actor, epochs of effects never go back, and no two nodes have effects under one. */
export const oneOwner: Checker = checker("I1", "one activation for each epoch", function* ({ handled }) {
  const last = new Map<string, Handled>();
  const nodes = new Map<string, string>();
  for (const each of handled) {
    const { actor, epoch, node } = each;
    const before = last.get(actor);
    if (before && before.epoch > epoch)
      yield `${actor} had an effect under epoch ${epoch} on ${node}, after ${before.epoch} on ${before.node}`;
    last.set(actor, each);
    const key = `${actor}/${epoch}`;
    const other = nodes.get(key);
    if (other !== undefined && other !== node)
      yield `${actor} had effects under epoch ${epoch} on ${other} and on ${node}`;
    nodes.set(key, node);
  }
});

/** Each message ends once and in time; it is handled at most once; never both handled and refused. */
export const oneEnd: Checker = checker("I2", "one end for each message", function* (history) {
  const handled = new Map<string, number>();
  for (const { actor, sender, n } of history.handled) {
    const key = keyOf(sender, actor, n);
    handled.set(key, (handled.get(key) ?? 0) + 1);
  }
  for (const [key, count] of handled) if (count > 1) yield `${key} was handled ${count} times`;
  const crashed = history.crashes.length > 0;
  for (const call of history.calls) {
    const times = handled.get(keyOf(call.sender, call.to, call.n)) ?? 0;
    yield* faultsOf(call, times, crashed);
    const finishedAt = history.endings.get(keyOf(call.sender, call.to, call.n)) ?? Infinity;
    // the end of a tell is an acknowledgement, for which no owner waits before it parks a shard and leaves
    if (
      call.type === "ask" &&
      call.outcome === "unknown" &&
      !crashed &&
      call.endedAt - finishedAt > ANSWER_MS
    )
      yield `${nameOf(call)} was handled ${call.endedAt - finishedAt} ms before its end, and got no answer`;
  }
});

function* faultsOf(call: Call, times: number, crashed: boolean): Iterable<string> {
  const { outcome, code = "", type, endedAt, deadlineAt } = call;
  if (outcome === undefined) return yield `${nameOf(call)} never ended`;
  if (endedAt > deadlineAt + SLACK_MS)
    yield `${nameOf(call)} ended ${endedAt - deadlineAt} ms after its deadline`;
  if (outcome === "refused" && times > 0) yield `${nameOf(call)} was refused (${code}) and handled`;
  if (outcome === "done" && times === 0 && call.hasEffect && !(crashed && type === "tell"))
    yield `${nameOf(call)} was ${type === "ask" ? "answered" : "acknowledged"} and not handled`;
  if (outcome === "unknown" && !crashed && endedAt < deadlineAt - 1)
    yield `${nameOf(call)} ended as unknown (${code}) ${deadlineAt - endedAt} ms before its deadline, without a crash`;
}

/** Per sender and actor, numbers are handled in the order sent. */
export const inOrder: Checker = checker("I3", "order per sender", function* ({ handled }) {
  const last = new Map<string, number>();
  for (const { actor, sender, n } of handled) {
    const key = `${sender} → ${actor}`;
    const before = last.get(key) ?? 0;
    if (n < before) yield `${key}: ${n} was handled after ${before}`;
    last.set(key, Math.max(n, before));
  }
});

/** The state of each actor is the fold of all that it handled, and timers are there once. */
export const nothingLost: Checker = checker("I4", "a planned move loses nothing", function* (history) {
  if (history.crashes.length > 0) return;
  const folds = new Map<string, Fold>();
  for (const { actor, sender, n, before, node, epoch } of history.handled) {
    const known = folds.get(actor) ?? NOTHING;
    if (known.count !== before.count || known.digest !== before.digest) {
      yield `${actor} on ${node} under epoch ${epoch} began ${n} of ${sender} with ${before.count} messages in its state, and ${known.count} were handled`;
      return;
    }
    folds.set(actor, fold(known, sender, n));
  }
  for (const { actor, state, handled } of history.told) {
    if (state.count !== handled)
      yield `${actor} told of ${state.count} messages in its state, and ${handled} were handled`;
  }
  yield* timerFaults(history);
});

function* timerFaults({ timers }: History): Iterable<string> {
  for (const { actor, id, setAt, afterMs, everyMs, fires, fired, cancelledAt } of timers.values()) {
    if (cancelledAt === undefined && fired.length < fires)
      yield `timer ${id} of ${actor} came ${fired.length} times of ${fires}`;
    if (fired.length > fires) yield `timer ${id} of ${actor} came ${fired.length} times, not ${fires}`;
    for (const [index, at] of fired.entries()) {
      const earliest = setAt + afterMs + index * (everyMs ?? 0);
      if (at < earliest - 1) yield `timer ${id} of ${actor} came at ${at}, before ${earliest}`;
    }
  }
}

/** No actor begins without its state once it has one. */
export const neverFresh: Checker = checker("I6", "never silently fresh", function* (history) {
  if (history.crashes.length > 0) return;
  for (const { actor, why, handled, node, epoch, at } of history.activations) {
    if (why === "recovered") yield `${actor} was recovered on ${node} under epoch ${epoch}, at ${at} ms`;
    else if (why === "first" && handled > 0)
      yield `${actor} began as "${why}" on ${node} under epoch ${epoch}, at ${at} ms, after ${handled} messages`;
  }
});

/** All of them. I5 needs questions to a living cluster, so it is no checker of a history. */
export const CHECKERS: readonly Checker[] = [oneOwner, oneEnd, inOrder, nothingLost, neverFresh];

function keyOf(sender: string, actor: string, n: number): string {
  return `${n} of ${sender} to ${actor}`;
}
