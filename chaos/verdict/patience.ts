// How long the servers are asked before what they say counts: one that leads no more may still answer for a while.
import { pause } from "../faults.ts";

export interface Patience {
  /** How long the servers may say that something is missing before it is lost, in milliseconds. */
  readonly confirmMs: number;
  /** How long they may be silent, in milliseconds. */
  readonly answerMs: number;
}

export const PATIENCE: Patience = { confirmMs: 5_000, answerMs: 15_000 };
const AGAIN_MS = 250;

/** Asks until the answer is good, or has been another one for too long. @returns it; `undefined` if nobody answers */
export async function patientAnswer<T>(
  ask: () => Promise<T | undefined>,
  isGood: (answer: T) => boolean,
  { confirmMs, answerMs }: Patience,
): Promise<T | undefined> {
  const beganAt = performance.now();
  let answeredAt: number | undefined;
  for (;;) {
    const answer = await ask();
    const now = performance.now();
    if (answer !== undefined) {
      answeredAt ??= now;
      if (isGood(answer) || now - answeredAt >= confirmMs) return answer;
    } else if (now - beganAt >= answerMs) return undefined;
    await pause(AGAIN_MS, new AbortController().signal);
  }
}
