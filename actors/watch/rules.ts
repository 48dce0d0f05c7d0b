/**
 * What becomes of watches, decided without a clock and without others: by what stands beside an actor's state, and what is
 * said to it. A watch is one entry on either side, and ends with the entry of the watcher: whatever is said of a watch that has
 * no entry any more changes nothing. So a notice may be said twice, and is heard once.
 *
 * @module
 */
import { BusyError } from "../../errors.ts";
import type { Annex, AnnexPart } from "../annex/annex.ts";
import type { Address } from "../ref.ts";
import type { WatchEnd, WatchNotice } from "./notice.ts";
import { WATCHERS, WATCHERS_MAX, WATCHES, WATCHES_MAX, type WatchEntry, type Watcher } from "./parts.ts";
import type { WatchWord } from "./words.ts";

/** How the actor stands to whom something is said. */
export interface Standing extends Address {
  readonly epoch: number;
  /** Whether it has begun: in memory, that it is here; of a stored actor, that it has a state of its own. */
  readonly isThere: boolean;
  /** Whether its memory was lost before it began. */
  readonly wasLost: boolean;
  /** Whether what stands beside its state goes along in a move. */
  readonly isCarried: boolean;
}

/** What comes of a word. */
export interface Heard {
  /** What stands beside the state from now on; absent if nothing changes. */
  readonly change?: (annex: Annex) => Annex;
  /** The answer, once that is stored. */
  readonly answer?: { readonly to: Address; readonly says: WatchWord };
  /** The owner of the watched actor knows of that watch, as of an epoch. */
  readonly confirmed?: { readonly id: string; readonly epoch: number };
  /** The message that is due now, and its argument. */
  readonly due?: { readonly message: string; readonly notice: WatchNotice };
}

const NOTHING: Heard = Object.freeze({});

/** What comes of something that is said to an actor which has that beside its state. */
export function hear(annex: Annex, says: WatchWord, standing: Standing): Heard {
  switch (says.word) {
    case "$watch":
      return asked(annex, says, standing);
    case "$unwatch":
      return {
        ...(watcherOf(annex, says.id) ? { change: without(WATCHERS, says.id) } : {}),
        ...(says.by ? { answer: { to: says.by, says: { word: "$unwatched", id: says.id } as const } } : {}),
      };
    case "$watched":
      return confirmed(annex, says);
    case "$unwatched":
      return watchOf(annex, says.id)?.stage === "leaving" ? { change: without(WATCHES, says.id) } : NOTHING;
    case "$ended":
      return ended(annex, says);
  }
}

type Says<W extends WatchWord["word"]> = Extract<WatchWord, { word: W }>;

function asked(annex: Annex, says: Says<"$watch">, standing: Standing): Heard {
  const { id, by, epoch, again, tellsAbsence } = says;
  const of: Address = { kind: standing.kind, name: standing.name };
  const known: Heard = { answer: { to: by, says: { word: "$watched", id, of, epoch: standing.epoch } } };
  if (watcherOf(annex, id)) return known;
  if (again) return itEnded(says, standing.wasLost ? "lost" : "stopped", standing);
  const isFull = (annex.get(WATCHERS)?.length ?? 0) >= WATCHERS_MAX;
  if (isFull || !standing.isCarried) return itEnded(says, "refused", standing);
  if (tellsAbsence && !standing.isThere) return itEnded(says, "absent", standing);
  const watcher: Watcher = { id, kind: by.kind, name: by.name, epoch };
  return { ...known, change: (now) => now.with(WATCHERS, [...(now.get(WATCHERS) ?? []), watcher]) };
}

/** The answer to one who wants to watch what has ended, or cannot be watched. */
export function itEnded(
  { id, by }: Says<"$watch">,
  reason: WatchEnd,
  { epoch }: Pick<Standing, "epoch">,
): Heard {
  return { answer: { to: by, says: { word: "$ended", id, reason, epoch } } };
}

function confirmed(annex: Annex, { id, of, epoch }: Says<"$watched">): Heard {
  const watch = watchOf(annex, id);
  // this actor has ended since, and is another now
  if (watch === undefined) return { answer: { to: of, says: { word: "$unwatch", id } } };
  const stands = { confirmed: { id, epoch } };
  if (watch.stage !== "asked") return stands;
  return { ...stands, change: (now) => changed(now, id, (each) => ({ ...each, stage: "standing" })) };
}

function ended(annex: Annex, { id, reason, epoch }: Says<"$ended">): Heard {
  const watch = watchOf(annex, id);
  if (watch === undefined) return NOTHING;
  const change = without(WATCHES, id);
  if (watch.stage === "leaving") return { change };
  const { kind, name, message } = watch;
  return { change, due: { message, notice: { ref: `${kind}/${name}`, reason, epoch } } };
}

// ---- what an actor wants

/**
 * That actor watches another from now on. One that it watches already it goes on to watch, and hears of its end by the message
 * that was given last.
 *
 * @throws {BusyError} above 1,000 watches
 */
export function watching(annex: Annex, watch: Omit<WatchEntry, "stage">): Annex {
  const all = annex.get(WATCHES) ?? [];
  const there = all.find((each) => isOf(each, watch) && each.stage !== "leaving");
  if (there?.message === watch.message) return annex;
  if (there) return changed(annex, there.id, (each) => ({ ...each, message: watch.message }));
  if (all.length >= WATCHES_MAX)
    throw new BusyError(`Cannot watch another actor: this one has ${WATCHES_MAX} watches already`);
  return annex.with(WATCHES, [...all, { ...watch, stage: "asked" }]);
}

/** It does not watch that one any more. A watch that nobody has heard of as yet is simply gone. @param settled what others may have heard of */
export function notWatching(annex: Annex, of: Address, settled: Annex): Annex {
  const watch = annex.get(WATCHES)?.find((each) => isOf(each, of) && each.stage !== "leaving");
  if (watch === undefined) return annex;
  if (watchOf(settled, watch.id) === undefined) return without(WATCHES, watch.id)(annex);
  return changed(annex, watch.id, (each) => ({ ...each, stage: "leaving" }));
}

function isOf(watch: Address, { kind, name }: Address): boolean {
  return watch.kind === kind && watch.name === name;
}

// ---- the parts

/** The watch of that id that an actor has. */
export function watchOf(annex: Annex, id: string): WatchEntry | undefined {
  return annex.get(WATCHES)?.find((watch) => watch.id === id);
}

function watcherOf(annex: Annex, id: string): Watcher | undefined {
  return annex.get(WATCHERS)?.find((watcher) => watcher.id === id);
}

function without<T extends { readonly id: string }>(
  part: AnnexPart<readonly T[]>,
  id: string,
): (annex: Annex) => Annex {
  return (annex) => {
    const rest = annex.get(part)?.filter((each) => each.id !== id);
    return annex.with(part, rest?.length ? rest : undefined);
  };
}

function changed(annex: Annex, id: string, change: (watch: WatchEntry) => WatchEntry): Annex {
  const watches = annex.get(WATCHES)?.map((watch) => (watch.id === id ? change(watch) : watch));
  return annex.with(WATCHES, watches);
}
