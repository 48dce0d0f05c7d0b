/**
 * All that an actor has handled, in brief.
 *
 * @module
 */
import { hash32 } from "../platform/hash.ts";

/** Equal folds mean equal messages in equal order. */
export interface Fold {
  readonly count: number;
  readonly digest: number;
}

/** The fold of nothing. */
export const NOTHING: Fold = { count: 0, digest: 0 };

/** The fold after one more message. */
export function fold({ count, digest }: Fold, sender: string, n: number): Fold {
  return { count: count + 1, digest: hash32(`${digest}|${sender}|${n}`) };
}
