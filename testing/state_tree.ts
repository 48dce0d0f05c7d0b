/**
 * All states that a stored actor was ever in. A crash may take it back, and then it goes on from there: so they are a
 * tree, and not a line.
 *
 * @module
 */
import { type Fold, fold, NOTHING } from "./digest.ts";

interface Step {
  readonly before: Fold;
  readonly sender: string;
  readonly epoch: number;
}

/** The state after one more message. An idempotent one may be handled again under another epoch: that is another step. */
export function nextState(before: Fold, sender: string, n: number, epoch: number): Fold {
  return fold(before, `${sender}@${epoch}`, n);
}

/** See the module's text. */
export class StateTree {
  readonly #steps = new Map<string, Step>();

  /** A state was followed by another. */
  add(before: Fold, next: Fold, sender: string, epoch: number): void {
    this.#steps.set(keyOf(next), { before, sender, epoch });
  }

  /** Whether the actor was ever in this state. */
  has(state: Fold): boolean {
    return state.count === 0 ? state.digest === NOTHING.digest : this.#steps.has(keyOf(state));
  }

  /** Whether `later` is that state, or followed from it. */
  includes(later: Fold, state: Fold): boolean {
    let at = later;
    while (at.count > state.count) {
      const step = this.#steps.get(keyOf(at));
      if (step === undefined) return false;
      at = step.before;
    }
    return at.count === state.count && at.digest === state.digest;
  }

  /** The lowest epoch under which anything was added to `state` until it was `later`; `Infinity` if nothing was. */
  lowestEpoch(later: Fold, state: Fold): number {
    let lowest = Infinity;
    for (let at = later; at.count > state.count; ) {
      const step = this.#steps.get(keyOf(at));
      if (step === undefined) return lowest;
      lowest = Math.min(lowest, step.epoch);
      at = step.before;
    }
    return lowest;
  }

  /** How many messages of one sender led to a state. */
  countOf(state: Fold, sender: string): number {
    let count = 0;
    for (let step = this.#steps.get(keyOf(state)); step; step = this.#steps.get(keyOf(step.before)))
      if (step.sender === sender) count++;
    return count;
  }
}

function keyOf({ count, digest }: Fold): string {
  return `${count}|${digest}`;
}
