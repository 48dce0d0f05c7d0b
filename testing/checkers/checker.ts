/**
 * What every checker is.
 *
 * @module
 */
import type { History, Violation } from "../history.ts";

/** Judges a history by one promise. */
export interface Checker {
  readonly promise: string;
  readonly title: string;
  /** What is not as promised. Empty when all is well. */
  check(history: History): Violation[];
}

/** A checker from a function that finds what is wrong, in words. */
export function checker(
  promise: string,
  title: string,
  find: (history: History) => Iterable<string>,
): Checker {
  return {
    promise,
    title,
    check: (history) => [...find(history)].map((what) => ({ promise, what })),
  };
}
