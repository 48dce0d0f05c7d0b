/**
 * Which stored timers may have taken their owner with them, as far as their record can tell.
 *
 * ```
 *   none ──owner lost near its time──► deaths 1, 2 … ──as many as may be, less one──► tried alone, with a mark
 *     ▲                                                                                 │            │
 *     └──────────── it was handled, and its owner lives on ◄────────────────────────────┘   owner lost while it is marked
 *                                                                                                    ▼
 *                                                                                                set aside
 * ```
 *
 * Only the mark proves anything: a timer that merely waited while others took the owner is never set aside for it.
 *
 * @module
 */

/** See the module's text. */
export interface Suspicion {
  /** Owners that were lost near its time, in a row. */
  readonly deaths: number;
  /** It is about to be handled, or has just been, and no other suspect on its node. */
  readonly onTrial: boolean;
  /** It does not go off any more. */
  readonly setAside: boolean;
}

/** What counts of a timer here. */
interface Suspect {
  readonly message: string;
  readonly argument: Uint8Array;
  readonly dueWallMs: number;
  readonly everyMs: number | undefined;
  readonly suspicion?: Suspicion | undefined;
}

/** So long after its owner's end a next owner looks, at most: a lease, and then some. In milliseconds. */
const NEAR_MS = 60_000;

/** The same timers after an owner was lost. `deathsMax` is the number of deaths that is enough, at least 2. */
export function afterLoss<T extends Suspect>(timers: readonly T[], wallMs: number, deathsMax: number): T[] {
  const judged = timers.map((timer) => {
    const { deaths = 0, onTrial = false, setAside = false } = timer.suspicion ?? {};
    if (setAside || !(onTrial || isNear(timer, wallMs))) return timer;
    const suspicion = onTrial
      ? { deaths: deaths + 1, onTrial: false, setAside: deaths + 1 >= deathsMax }
      : { deaths: Math.min(deaths + 1, deathsMax - 1), onTrial: false, setAside: false };
    return { ...timer, suspicion };
  });
  const guilty = judged.filter(({ suspicion }) => suspicion?.setAside);
  if (guilty.length === 0) return judged;
  return judged.map((timer) => {
    const same = guilty.find((other) => isSameMessage(other, timer)); // its handler may have set it under another id
    return same ? { ...timer, suspicion: same.suspicion } : timer;
  });
}

function isSameMessage(a: Suspect, b: Suspect): boolean {
  const [some, others] = [a.argument, b.argument];
  return (
    a.message === b.message &&
    some.byteLength === others.byteLength &&
    some.every((byte, i) => byte === others[i])
  );
}

/** It was due when its owner was lost, or came due since, or had gone off just before. */
function isNear({ dueWallMs, everyMs }: Suspect, wallMs: number): boolean {
  return dueWallMs <= wallMs || (everyMs !== undefined && dueWallMs - everyMs >= wallMs - NEAR_MS);
}
