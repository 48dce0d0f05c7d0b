// Watches that one sender's messages come each once and in the order they were sent.
import type { Received } from "./contract.ts";

const MISSING_MAX = 1_000;

/** A sender of whom nothing has come. */
export function nothingReceived(): Received {
  return { last: 0, missing: [], skipped: 0, duplicated: 0, reordered: 0 };
}

/** Notes one sequence number. @returns what was wrong with it, if anything */
export function note(received: Received, sequence: number): string | undefined {
  if (sequence === received.last + 1) {
    received.last = sequence;
    return undefined;
  }
  return sequence > received.last ? noteGap(received, sequence) : noteOld(received, sequence);
}

/** How many different messages have come. */
export function handled(received: Received): number {
  return received.last - received.missing.length - received.skipped;
}

function noteGap(received: Received, sequence: number): string {
  const violation = `got ${sequence} after ${received.last}`;
  for (let missing = received.last + 1; missing < sequence; missing++) {
    if (received.missing.length < MISSING_MAX) received.missing.push(missing);
    else received.skipped++;
  }
  received.last = sequence;
  return violation;
}

function noteOld(received: Received, sequence: number): string {
  const at = received.missing.indexOf(sequence);
  if (at < 0) {
    received.duplicated++;
    return `got ${sequence} twice`;
  }
  received.missing.splice(at, 1);
  received.reordered++;
  return `got ${sequence} after ${received.last}`;
}
