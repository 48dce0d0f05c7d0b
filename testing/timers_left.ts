/**
 * Which timers have still to come.
 *
 * @module
 */
import { generationOf } from "./generations.ts";
import type { History, TimerSet } from "./history.ts";

/** Whether a timer has still to come, as far as anybody can know. */
export function isToCome(history: History, timer: TimerSet): boolean {
  if (timer.within) return (storedTimesLeft(history, timer) ?? 0) > 0;
  const { cancelledAt, fired, fires } = timer;
  return cancelledAt === undefined && fired.length < fires && !mayBeGone(history, timer);
}

/** A timer may be gone: it was in a memory that was lost, maybe before it was set, by one who did not know. */
function mayBeGone(history: History, { actor, epoch, setAt }: TimerSet): boolean {
  if (history.hasLost(actor, setAt)) return true;
  return history.losses.get(actor)?.some((loss) => loss.epoch > epoch || loss.epoch === 0) ?? false;
}

/**
 * How often a stored actor's timer has still to come in the actor's present state. `undefined` if that state does not
 * have it: what set it was taken back, or it was cancelled. The same if nobody need know of it: the next owner may have
 * looked for timers already when one of a former generation set it.
 */
export function storedTimesLeft(history: History, timer: TimerSet): number | undefined {
  const { actor, id, within, cancelledWithin, fires } = timer;
  const [lineage, now] = [history.lineages.get(actor), history.present.get(actor)?.state];
  if (isOfFormer(history, timer)) return undefined;
  if (!lineage || !now || !within || !lineage.includes(now, within)) return undefined;
  if (cancelledWithin.some((state) => lineage.includes(now, state))) return undefined;
  return fires - lineage.countOf(now, `timer-${id}`);
}

function isOfFormer({ generations }: History, { epoch, setAt }: TimerSet): boolean {
  return setAt > (generations[generationOf(epoch)] ?? Infinity);
}
