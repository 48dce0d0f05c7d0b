/**
 * The promises, each as something that judges a history.
 *
 * @module
 */
import type { Checker } from "./checkers/checker.ts";
import { ownDeadlines } from "./checkers/deadlines.ts";
import { fairDeaths } from "./checkers/fair_deaths.ts";
import { inOrder } from "./checkers/in_order.ts";
import { keptOnceHeard, storedTimersCome } from "./checkers/kept_once_heard.ts";
import { neverFresh } from "./checkers/never_fresh.ts";
import { nothingFromBelow } from "./checkers/nothing_from_below.ts";
import { nothingLost } from "./checkers/nothing_lost.ts";
import { oneEnd } from "./checkers/one_end.ts";
import { onlyItself } from "./checkers/only_itself.ts";
import { effectsInOrder, noZombies, oneOwner } from "./checkers/one_owner.ts";

export { fairDeaths, inOrder, keptOnceHeard, neverFresh, nothingLost, noZombies, oneEnd, oneOwner };
export { nothingFromBelow, onlyItself, ownDeadlines, storedTimersCome };
export type { Checker } from "./checkers/checker.ts";

/** All of them. I5 needs questions to a living cluster, so most of it is no checker of a history. */
export const CHECKERS: readonly Checker[] = [
  oneOwner,
  effectsInOrder,
  noZombies,
  oneEnd,
  ownDeadlines,
  inOrder,
  nothingLost,
  neverFresh,
  keptOnceHeard,
  nothingFromBelow,
  storedTimersCome,
  fairDeaths,
  onlyItself,
];
