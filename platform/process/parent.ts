import process from "node:process";
import type { Clock, Timer } from "../clock.ts";

const LOOK_MS = 2_000;

/**
 * Runs once when the process that started this one has ended: whatever is sent to that does not come here any more. It is
 * how a wrapper looks that dies by a signal and passes none on.
 *
 * @returns a function that stops looking
 */
export function watchParent(
  clock: Clock,
  gone: (pid: number) => void,
  parentPid: () => number = () => process.ppid,
): () => void {
  const parent = parentPid();
  let looking: Timer;
  const look = () => {
    if (parentPid() === parent) looking = clock.after(LOOK_MS, look);
    else gone(parent);
  };
  looking = clock.after(LOOK_MS, look);
  return () => looking.cancel();
}
