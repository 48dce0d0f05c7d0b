// Whether what was counted before a long load is back at its level after it.

/** Figures by name. */
export type Levels = Readonly<Record<string, number>>;

/** A figure that did not come back. */
export interface Grown {
  readonly before: number;
  readonly after: number;
  readonly limit: number;
}

/** How far a figure may be above what it was: a share of it, and an amount beside that. */
interface Tolerance {
  readonly share: number;
  readonly plus: number;
}

const MIB = 1_048_576;

/** By the last word of a figure's name. What is not here must not grow at all. */
const TOLERANCES: Readonly<Record<string, Tolerance>> = {
  heapBytes: { share: 0.3, plus: 12 * MIB },
  // a runtime keeps for itself what it once had, so this finds only what goes on growing
  rssBytes: { share: 0.5, plus: 64 * MIB },
  openFiles: { share: 0, plus: 2 },
  subscriptions: { share: 0, plus: 2 },
  // the highest counter of the nodes whose records are removed
  keys: { share: 0, plus: 1 },
  // of removed records: about a hundred bytes each, and they stay
  marks: { share: 0, plus: Number.POSITIVE_INFINITY },
  // states hold the names of all senders there have ever been
  bytes: { share: 3, plus: 2 * MIB },
};

/** What may be after, if it was `before`. */
export function limitOf(name: string, before: number): number {
  const { share, plus } = TOLERANCES[name.split(".").at(-1) ?? ""] ?? { share: 0, plus: 0 };
  return before * (1 + share) + plus;
}

/** What is above its limit. A figure that was not there before was 0. */
export function grown(before: Levels, after: Levels): Record<string, Grown> {
  const found: Record<string, Grown> = {};
  for (const [name, now] of Object.entries(after)) {
    const was = before[name] ?? 0;
    const limit = Math.round(limitOf(name, was));
    if (now > limit) found[name] = { before: was, after: now, limit };
  }
  return found;
}
