/**
 * When a connection that the server refuses is over. A server that restarts without its accounts for a moment refuses
 * everybody, so one refusal says little; but what has ended does not begin again, and what nobody wants for long is wrong.
 * Pure: no clock and no I/O.
 *
 * @module
 */

/** Refusals in a row, without a connection in between. */
export interface Refused {
  readonly count: number;
  readonly since: number;
}

/** What one refusal is judged by. */
export interface Refusal {
  readonly now: number;
  /** By its own word or the server's, what was shown has come to its end. */
  readonly hasEnded: boolean;
  /** Whether the next dial may show something else. */
  readonly canChange: boolean;
}

/** Fewer prove nothing, however long they take. */
const REFUSALS_MIN = 3;
/** One that has ended and cannot change is refused for good; the second one rules out a mistake. */
const REFUSALS_ENDED = 2;

/** @returns the refusals with this one, and whether trying again is of no use */
export function refusedAgain(
  before: Refused | undefined,
  { now, hasEnded, canChange }: Refusal,
  patienceMs: number,
): { readonly refused: Refused; readonly isOver: boolean } {
  const refused = { count: (before?.count ?? 0) + 1, since: before?.since ?? now };
  const isLong = refused.count >= REFUSALS_MIN && now - refused.since >= patienceMs;
  const isEnded = hasEnded && !canChange && refused.count >= REFUSALS_ENDED;
  return { refused, isOver: isLong || isEnded };
}
